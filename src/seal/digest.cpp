// The low-level functions need half the time of EVP_Digest* for a column or a
// node (docs/decisions/sha256.md); OpenSSL 3 marks them as deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "seal/digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/check.hpp"
#include "seal/bytes.hpp"

namespace alibi::seal {
namespace {

std::optional<Hash> hash_of(const std::optional<std::string>& bytes) {
  Hash hash;
  if (!bytes || bytes->size() != hash.bytes.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), hash.bytes.begin());
  return hash;
}

}  // namespace

std::string Hash::to_base64() const { return seal::to_base64(view()); }
std::string Hash::to_hex() const { return seal::to_hex(view()); }
std::optional<Hash> Hash::from_base64(std::string_view text) {
  return hash_of(seal::from_base64(text));
}
std::optional<Hash> Hash::from_hex(std::string_view text) { return hash_of(seal::from_hex(text)); }

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::begin() {
  ALIBI_CHECK(SHA256_Init(&state_->context) == 1);
  return *this;
}

Sha256& Sha256::add(std::string_view bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
  return *this;
}

Hash Sha256::finish() {
  Hash hash;
  SHA256_Final(hash.bytes.data(), &state_->context);
  return hash;
}

Hash sha256(std::string_view bytes) {
  SHA256_CTX context;
  Hash hash;
  ALIBI_CHECK(SHA256_Init(&context) == 1);
  SHA256_Update(&context, bytes.data(), bytes.size());
  SHA256_Final(hash.bytes.data(), &context);
  return hash;
}

Hash hmac_sha256(std::string_view key, std::string_view bytes) {
  Hash hash;
  unsigned size = 0;
  ALIBI_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                   hash.bytes.data(), &size) != nullptr &&
              size == hash.bytes.size());
  return hash;
}

}  // namespace alibi::seal
