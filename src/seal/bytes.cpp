#include "seal/bytes.hpp"

#include <openssl/evp.h>

#include <limits>

#include "seal/sodium.hpp"

namespace alibi::seal {
namespace {

std::optional<std::string> decode(std::string_view text, int variant) {
  require_sodium();
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (::sodium_base642bin(unsigned_bytes(bytes), bytes.size(), text.data(), text.size(), nullptr,
                          &size, &end, variant) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  bytes.resize(size);
  return bytes;
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

template <typename T>
void append_big_endian(std::string& to, T value) {
  for (int shift = sizeof(T) * 8 - 8; shift >= 0; shift -= 8)
    to += static_cast<char>(value >> shift & 0xff);
}

}  // namespace

void append_base64(std::string& to, std::string_view bytes) {
  // OpenSSL needs a sixth of libsodium's time, which is careful about secrets in
  // caches; what is sealed is none.
  ALIBI_CHECK(bytes.size() <= std::numeric_limits<int>::max() / 2);
  const std::size_t at = to.size();
  to.resize(at + (bytes.size() + 2) / 3 * 4 + 1);
  ::EVP_EncodeBlock(unsigned_bytes(to) + at, unsigned_bytes(bytes), static_cast<int>(bytes.size()));
  to.pop_back();  // its terminating zero
}
std::string to_base64(std::string_view bytes) {
  std::string text;
  append_base64(text, bytes);
  return text;
}
std::optional<std::string> from_base64(std::string_view text) {
  auto bytes = decode(text, sodium_base64_VARIANT_ORIGINAL);
  // libsodium 1.0.18 takes bytes from 0x80 on for a slash.
  if (bytes && to_base64(*bytes) != text) return std::nullopt;
  return bytes;
}
std::string to_base64url(std::string_view bytes) {
  require_sodium();
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  ::sodium_bin2base64(text.data(), text.size(), unsigned_bytes(bytes), bytes.size(), kVariant);
  text.pop_back();  // its terminating zero
  return text;
}
std::optional<std::string> from_base64url(std::string_view text) {
  auto bytes = decode(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  if (bytes && to_base64url(*bytes) != text) return std::nullopt;
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  std::string text(bytes.size() * 2 + 1, '\0');
  ::sodium_bin2hex(text.data(), text.size(), unsigned_bytes(bytes), bytes.size());
  text.pop_back();
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t at = 0; at < text.size(); at += 2) {
    const int high = hex_value(text[at]);
    const int low = hex_value(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

void append_u32be(std::string& to, std::uint32_t value) { append_big_endian(to, value); }
void append_u64be(std::string& to, std::uint64_t value) { append_big_endian(to, value); }

std::string random_bytes(std::size_t count) {
  require_sodium();
  ALIBI_CHECK(count <= 256);
  std::string bytes(count, '\0');
  ::randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

}  // namespace alibi::seal
