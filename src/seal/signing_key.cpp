#include "seal/signing_key.hpp"

#include <algorithm>
#include <utility>

#include "seal/bytes.hpp"
#include "seal/digest.hpp"
#include "seal/sodium.hpp"
#include "seal/utf8.hpp"

namespace alibi::seal {
namespace {

constexpr std::string_view kPrivate = "PRIVATE+KEY+";
constexpr std::size_t kHashDigits = 8;
constexpr std::size_t kSecretBytes = crypto_sign_SECRETKEYBYTES;

std::string hash_text(std::uint32_t hash) {
  std::string bytes;
  append_u32be(bytes, hash);
  return to_hex(bytes);
}

/// NAME+HASH+b64(type || 32 bytes), the form that both kinds of keys have.
struct KeyText {
  std::string name;
  std::string hash;
  SignatureType type = SignatureType::Ed25519;
  std::string bytes;  ///< a secret, where the key is one
};

Result<KeyText> parse_key(std::string_view text) {
  const auto name_end = text.find('+');
  if (name_end == std::string_view::npos || text.size() < name_end + 2 + kHashDigits ||
      text[name_end + 1 + kHashDigits] != '+')
    return fail(Errc::Corrupt, "a key is NAME+HASH+BASE64");
  KeyText key{.name = std::string(text.substr(0, name_end)),
              .hash = std::string(text.substr(name_end + 1, kHashDigits))};
  if (!is_key_name(key.name))
    return fail(Errc::Corrupt,
                "the name of the key is empty or has a character a name may not have");
  auto bytes = from_base64(text.substr(name_end + 2 + kHashDigits));
  if (!bytes) return fail(Errc::Corrupt, "the key is not canonical base64");
  const auto type = bytes->empty() ? 0 : static_cast<unsigned char>(bytes->front());
  if (type != static_cast<int>(SignatureType::Ed25519) &&
      type != static_cast<int>(SignatureType::Cosignature))
    return fail(Errc::Corrupt, "the key is of a type that is not known here (Ed25519: 1 or 4)");
  if (bytes->size() != 33) return fail(Errc::Corrupt, "the key does not have 32 bytes");
  key.type = static_cast<SignatureType>(type);
  key.bytes = bytes->substr(1);
  ::sodium_memzero(bytes->data(), bytes->size());
  return key;
}

}  // namespace

std::uint32_t VerificationKey::hash() const {
  std::string text = name + "\n";
  text += static_cast<char>(type);
  text.append(reinterpret_cast<const char*>(key.data()), key.size());
  const auto digest = sha256(text).bytes;
  return std::uint32_t{digest[0]} << 24 | std::uint32_t{digest[1]} << 16 |
         std::uint32_t{digest[2]} << 8 | digest[3];
}

std::string VerificationKey::to_text() const {
  std::string bytes(1, static_cast<char>(type));
  bytes.append(reinterpret_cast<const char*>(key.data()), key.size());
  return name + "+" + hash_text(hash()) + "+" + to_base64(bytes);
}

Result<VerificationKey> VerificationKey::from_text(std::string_view text) {
  require_sodium();
  const auto parsed = parse_key(text);
  if (!parsed) return std::unexpected(parsed.error());
  VerificationKey key{.name = parsed->name, .type = parsed->type};
  std::copy(parsed->bytes.begin(), parsed->bytes.end(), key.key.begin());
  if (hash_text(key.hash()) != parsed->hash)
    return fail(Errc::Corrupt, "the hash in the key does not belong to its name and bytes");
  // Whoever made a key from a seed has a point of prime order (RFC 8032 section
  // 5.1.5); under the others one signature fits many messages or many keys.
  if (::crypto_core_ed25519_is_valid_point(key.key.data()) != 1)
    return fail(Errc::Corrupt, std::string(kWeakKey));
  return key;
}

bool VerificationKey::verifies(std::string_view message, std::string_view signature) const {
  require_sodium();
  return signature.size() == crypto_sign_BYTES &&
         ::crypto_sign_verify_detached(unsigned_bytes(signature), unsigned_bytes(message),
                                       message.size(), key.data()) == 0;
}

SigningKey SigningKey::from_seed(std::string name, SignatureType type, std::string_view seed) {
  require_sodium();
  ALIBI_CHECK(seed.size() == crypto_sign_SEEDBYTES);
  SigningKey key;
  key.public_.name = std::move(name);
  key.public_.type = type;
  key.secret_ = static_cast<unsigned char*>(::sodium_malloc(kSecretBytes));
  ALIBI_CHECK(key.secret_ != nullptr);
  ::crypto_sign_seed_keypair(key.public_.key.data(), key.secret_, unsigned_bytes(seed));
  return key;
}

SigningKey SigningKey::generate(std::string name, SignatureType type) {
  std::string seed = random_bytes(crypto_sign_SEEDBYTES);
  SigningKey key = from_seed(std::move(name), type, seed);
  ::sodium_memzero(seed.data(), seed.size());
  return key;
}

Result<SigningKey> SigningKey::from_text(std::string_view text) {
  if (!text.starts_with(kPrivate))
    return fail(Errc::Corrupt, "a signing key begins with PRIVATE+KEY+");
  auto parsed = parse_key(text.substr(kPrivate.size()));
  if (!parsed) return std::unexpected(parsed.error());
  SigningKey key = from_seed(parsed->name, parsed->type, parsed->bytes);
  ::sodium_memzero(parsed->bytes.data(), parsed->bytes.size());
  if (hash_text(key.public_.hash()) != parsed->hash)
    return fail(Errc::Corrupt, "the hash in the key does not belong to its name and bytes");
  return key;
}

SigningKey::SigningKey(SigningKey&& other) noexcept
    : public_(std::move(other.public_)), secret_(std::exchange(other.secret_, nullptr)) {}

SigningKey& SigningKey::operator=(SigningKey&& other) noexcept {
  std::swap(public_, other.public_);
  std::swap(secret_, other.secret_);
  return *this;
}

SigningKey::~SigningKey() { ::sodium_free(secret_); }  // wipes

std::string SigningKey::sign(std::string_view message) const {
  std::string signature(crypto_sign_BYTES, '\0');
  ::crypto_sign_detached(unsigned_bytes(signature), nullptr, unsigned_bytes(message),
                         message.size(), secret_);
  return signature;
}

std::string SigningKey::to_text() const {
  std::string bytes = static_cast<char>(public_.type) + seed();
  std::string text(kPrivate);
  text.append(public_.name).append("+").append(hash_text(public_.hash())).append("+");
  text += to_base64(bytes);
  ::sodium_memzero(bytes.data(), bytes.size());
  return text;
}

std::string SigningKey::seed() const {
  std::string seed(crypto_sign_SEEDBYTES, '\0');
  ::crypto_sign_ed25519_sk_to_seed(unsigned_bytes(seed), secret_);
  return seed;
}

}  // namespace alibi::seal
