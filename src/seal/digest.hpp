#pragma once
// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104) by OpenSSL. Each line costs
// several digests of few bytes: docs/decisions/sha256.md.
// Thread: one per Sha256 object; the functions any.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace alibi::seal {

struct Hash {
  std::array<unsigned char, 32> bytes{};

  friend bool operator==(const Hash&, const Hash&) = default;
  [[nodiscard]] std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::string to_base64() const;
  [[nodiscard]] std::string to_hex() const;
  static std::optional<Hash> from_base64(std::string_view text);
  static std::optional<Hash> from_hex(std::string_view text);
};

/// begin, add*, finish; and again.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& begin();
  Sha256& add(std::string_view bytes);
  [[nodiscard]] Hash finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Hash sha256(std::string_view bytes);
[[nodiscard]] Hash hmac_sha256(std::string_view key, std::string_view bytes);

}  // namespace alibi::seal
