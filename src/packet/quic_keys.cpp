#include "packet/quic_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace alibi::packet {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kSampleBytes = 16;
constexpr std::size_t kNumberBytesMax = 4;

using Salt = std::array<unsigned char, 20>;
constexpr Salt kSaltOne{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                        0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
constexpr Salt kSaltTwo{0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                        0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};

struct Free {
  void operator()(EVP_KDF* kdf) const { ::EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { ::EVP_KDF_CTX_free(context); }
  void operator()(EVP_CIPHER_CTX* context) const { ::EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Free>;

const unsigned char* octets(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

OSSL_PARAM octet_parameter(const char* name, std::span<const unsigned char> value) {
  return ::OSSL_PARAM_construct_octet_string(name, const_cast<unsigned char*>(value.data()),
                                             value.size());
}

/// One step of HKDF (RFC 5869) with SHA-256; `with` is the salt or the info.
bool hkdf(int mode, std::span<const unsigned char> key, const char* with_name,
          std::span<const unsigned char> with, std::span<unsigned char> out) {
  static const std::unique_ptr<EVP_KDF, Free> kdf(::EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, Free> context(::EVP_KDF_CTX_new(kdf.get()));
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 5> parameters{
      ::OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      ::OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      octet_parameter(OSSL_KDF_PARAM_KEY, key), octet_parameter(with_name, with),
      ::OSSL_PARAM_construct_end()};
  return context && ::EVP_KDF_derive(context.get(), out.data(), out.size(), parameters.data()) == 1;
}

/// HKDF-Expand-Label of TLS 1.3 (RFC 8446, section 7.1) without context.
bool expand(std::span<const unsigned char> secret, std::string_view label,
            std::span<unsigned char> out) {
  const std::string full = "tls13 " + std::string(label);
  std::string info{'\0', static_cast<char>(out.size()), static_cast<char>(full.size())};
  info += full;
  info += '\0';
  return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, secret, OSSL_KDF_PARAM_INFO,
              {reinterpret_cast<const unsigned char*>(info.data()), info.size()}, out);
}

/// RFC 9001, section 5.4.3.
bool header_mask(const QuicKeys& keys, std::span<const std::byte> sample,
                 std::array<unsigned char, kSampleBytes>& mask) {
  const CipherContext context(::EVP_CIPHER_CTX_new());
  int size = 0;
  return context &&
         ::EVP_EncryptInit_ex(context.get(), ::EVP_aes_128_ecb(), nullptr, keys.header_key.data(),
                              nullptr) == 1 &&
         ::EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
         ::EVP_EncryptUpdate(context.get(), mask.data(), &size, octets(sample), kSampleBytes) == 1;
}

std::optional<std::vector<std::byte>> decrypt(const QuicKeys& keys,
                                              std::span<const unsigned char> nonce,
                                              std::span<const unsigned char> header,
                                              std::span<const std::byte> sealed) {
  const CipherContext context(::EVP_CIPHER_CTX_new());
  const auto tag = sealed.last(kTagBytes);
  const auto text = sealed.first(sealed.size() - kTagBytes);
  std::vector<std::byte> open(text.size());
  int size = 0;
  const bool is_open =
      context &&
      ::EVP_DecryptInit_ex(context.get(), ::EVP_aes_128_gcm(), nullptr, keys.key.data(),
                           nonce.data()) == 1 &&
      ::EVP_DecryptUpdate(context.get(), nullptr, &size, header.data(),
                          static_cast<int>(header.size())) == 1 &&
      ::EVP_DecryptUpdate(context.get(), reinterpret_cast<unsigned char*>(open.data()), &size,
                          octets(text), static_cast<int>(text.size())) == 1 &&
      ::EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes,
                            const_cast<std::byte*>(tag.data())) == 1 &&
      ::EVP_DecryptFinal_ex(context.get(), nullptr, &size) == 1;
  if (is_open) return open;
  ::ERR_clear_error();
  return std::nullopt;
}

}  // namespace

std::optional<QuicKeys> quic_client_keys(QuicVersion version,
                                         std::span<const std::byte> connection_id) {
  const bool is_two = version == QuicVersion::Two;
  const std::string prefix = is_two ? "quicv2 " : "quic ";
  std::array<unsigned char, kSecretBytes> initial{};
  std::array<unsigned char, kSecretBytes> client{};
  QuicKeys keys;
  const bool is_made =
      hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, {octets(connection_id), connection_id.size()},
           OSSL_KDF_PARAM_SALT, is_two ? kSaltTwo : kSaltOne, initial) &&
      expand(initial, "client in", client) && expand(client, prefix + "key", keys.key) &&
      expand(client, prefix + "iv", keys.iv) && expand(client, prefix + "hp", keys.header_key);
  if (is_made) return keys;
  ::ERR_clear_error();
  return std::nullopt;
}

std::optional<std::vector<std::byte>> open_quic_packet(const QuicKeys& keys,
                                                       std::span<const std::byte> packet,
                                                       std::size_t number_at) {
  if (packet.size() < number_at + kNumberBytesMax + kSampleBytes) return std::nullopt;
  std::array<unsigned char, kSampleBytes> mask{};
  if (!header_mask(keys, packet.subspan(number_at + kNumberBytesMax, kSampleBytes), mask))
    return std::nullopt;
  std::vector<unsigned char> header(octets(packet), octets(packet) + number_at + kNumberBytesMax);
  header[0] = static_cast<unsigned char>(header[0] ^ (mask[0] & 0x0fU));
  const std::size_t number_bytes = (header[0] & 3U) + 1;
  header.resize(number_at + number_bytes);
  auto nonce = keys.iv;
  for (std::size_t i = 0; i < number_bytes; ++i) {
    header[number_at + i] ^= mask[1 + i];
    nonce[nonce.size() - number_bytes + i] ^= header[number_at + i];
  }
  return decrypt(keys, nonce, header, packet.subspan(header.size()));
}

}  // namespace alibi::packet
