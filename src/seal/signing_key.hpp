#pragma once
// Ed25519 (RFC 8032) by libsodium, and keys as C2SP signed-note writes them:
//   verification key  NAME+HASH+b64(type || key)
//   signing key       PRIVATE+KEY+NAME+HASH+b64(type || seed)
// Keys that are no point of prime order (of small order among them) and non-canonical
// encodings are refused, also where OpenSSL and Go accept them. Thread: any.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace alibi::seal {

enum class SignatureType : std::uint8_t {
  Ed25519 = 1,      ///< of a checkpoint by its log
  Cosignature = 4,  ///< cosignature/v1 of a witness, with its time
};

/// In the message of the error about such a key.
inline constexpr std::string_view kWeakKey =
    "the key is weak: not canonical, or not a point of prime order";

/// The public half of a key, with its name.
struct VerificationKey {
  std::string name;
  SignatureType type = SignatureType::Ed25519;
  std::array<unsigned char, 32> key{};

  friend bool operator==(const VerificationKey&, const VerificationKey&) = default;
  /// First four bytes of SHA-256(name || LF || type || key), big-endian.
  [[nodiscard]] std::uint32_t hash() const;
  [[nodiscard]] std::string to_text() const;
  /// Errors: Corrupt; the message says what is wrong, also for weak keys.
  static Result<VerificationKey> from_text(std::string_view text);
  [[nodiscard]] bool verifies(std::string_view message, std::string_view signature) const;
};

/// The secret half. Wiped when it goes; not copied.
class SigningKey {
 public:
  static SigningKey generate(std::string name, SignatureType type = SignatureType::Ed25519);
  static SigningKey from_seed(std::string name, SignatureType type, std::string_view seed);
  static Result<SigningKey> from_text(std::string_view text);
  SigningKey(SigningKey&& other) noexcept;
  SigningKey& operator=(SigningKey&& other) noexcept;
  ~SigningKey();

  [[nodiscard]] const VerificationKey& verification_key() const { return public_; }
  [[nodiscard]] std::string sign(std::string_view message) const;
  [[nodiscard]] std::string to_text() const;
  /// 32 bytes; whoever takes them wipes them.
  [[nodiscard]] std::string seed() const;

 private:
  SigningKey() = default;
  VerificationKey public_;
  unsigned char* secret_ = nullptr;  ///< 64 bytes of libsodium's guarded memory
};

}  // namespace alibi::seal
