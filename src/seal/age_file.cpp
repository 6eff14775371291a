// C2SP age v1.

#include "seal/age_file.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <optional>

#include "seal/bytes.hpp"
#include "seal/digest.hpp"
#include "seal/sodium.hpp"

namespace alibi::seal {
namespace {

constexpr std::size_t kChunkBytes = 64U << 10;
constexpr std::size_t kTagBytes = crypto_aead_chacha20poly1305_ietf_ABYTES;
constexpr std::size_t kFileKeyBytes = 16;
constexpr std::string_view kIntro = "age-encryption.org/v1\n";

using Key = std::array<unsigned char, 32>;

std::string_view view_of(const Key& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

/// Bytes that are wiped when they go.
struct Secret {
  std::string bytes;
  explicit Secret(std::string value) : bytes(std::move(value)) {}
  Secret(Secret&&) = default;
  Secret& operator=(Secret&&) = delete;
  ~Secret() { ::sodium_memzero(bytes.data(), bytes.size()); }
};

/// RFC 5869 with SHA-256. An empty salt is one that was not given.
Secret hkdf(std::string_view key, std::string_view salt, std::string_view info) {
  static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr);
  ALIBI_CHECK(kdf != nullptr);
  const auto octets = [](const char* name, std::string_view bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(bytes.data()), bytes.size());
  };
  char digest[] = "SHA256";
  std::array<OSSL_PARAM, 5> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_END,
      OSSL_PARAM_END};
  if (!salt.empty()) parameters[3] = octets(OSSL_KDF_PARAM_SALT, salt);
  Secret out(std::string(32, '\0'));
  EVP_KDF_CTX* const context = EVP_KDF_CTX_new(kdf);
  const bool is_done =
      context != nullptr &&
      EVP_KDF_derive(context, unsigned_bytes(out.bytes), out.bytes.size(), parameters.data()) == 1;
  EVP_KDF_CTX_free(context);
  ALIBI_CHECK(is_done);
  return out;
}

/// ChaCha20-Poly1305 (RFC 8439) without additional data.
void append_sealed(std::string& to, std::string_view key, const unsigned char* nonce,
                   std::string_view plain) {
  const std::size_t at = to.size();
  to.resize(at + plain.size() + kTagBytes);
  ::crypto_aead_chacha20poly1305_ietf_encrypt(unsigned_bytes(to) + at, nullptr,
                                              unsigned_bytes(plain), plain.size(), nullptr, 0,
                                              nullptr, nonce, unsigned_bytes(key));
}

std::string unpadded(std::string_view bytes) {
  std::string text = to_base64(bytes);
  text.resize(text.find_last_not_of('=') + 1);
  return text;
}

// ---- recipients: Bech32 (BIP 173) of an X25519 key --------------------------------

constexpr std::string_view kPrefix = "age1";
constexpr std::size_t kDataDigits = 52;  // 32 bytes, five bits each
constexpr std::size_t kChecksumDigits = 6;

std::uint32_t bech32_step(std::uint32_t sum, std::uint32_t value) {
  constexpr std::uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
  const std::uint32_t top = sum >> 25;
  sum = (sum & 0x1ffffff) << 5 ^ value;
  for (int i = 0; i < 5; ++i) {
    if ((top >> i & 1) != 0) sum ^= kGenerator[i];
  }
  return sum;
}

std::optional<Key> parse_recipient(std::string_view text) {
  constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + kDataDigits + kChecksumDigits)
    return std::nullopt;
  std::uint32_t sum = 1;
  for (const std::uint32_t value : {3U, 3U, 3U, 0U, 1U, 7U, 5U})  // "age", as the checksum sees it
    sum = bech32_step(sum, value);
  Key key{};
  std::size_t bytes = 0;
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (std::size_t i = 0; i < kDataDigits + kChecksumDigits; ++i) {
    const auto digit = kAlphabet.find(text[kPrefix.size() + i]);
    if (digit == std::string_view::npos) return std::nullopt;
    const auto value = static_cast<std::uint32_t>(digit);
    sum = bech32_step(sum, value);
    if (i >= kDataDigits) continue;
    bits = (bits << 5 | value) & 0xfff;
    bit_count += 5;
    if (bit_count >= 8) {
      bit_count -= 8;
      key[bytes++] = static_cast<unsigned char>(bits >> bit_count & 0xff);
    }
  }
  const bool has_zero_padding = (bits & ((1U << bit_count) - 1)) == 0;
  if (sum != 1 || !has_zero_padding) return std::nullopt;
  return key;
}

/// The stanza that gives the file key to one recipient. Empty when the key is one
/// that everybody shares a secret with (of small order).
std::optional<std::string> make_stanza(const Key& recipient, std::string_view file_key) {
  const Secret ephemeral(random_bytes(crypto_scalarmult_SCALARBYTES));
  Key share{};
  ::crypto_scalarmult_base(share.data(), unsigned_bytes(ephemeral.bytes));
  Secret shared(std::string(crypto_scalarmult_BYTES, '\0'));
  if (::crypto_scalarmult(unsigned_bytes(shared.bytes), unsigned_bytes(ephemeral.bytes),
                          recipient.data()) != 0)
    return std::nullopt;
  const std::string salt = std::string(view_of(share)).append(view_of(recipient));
  const Secret wrap_key = hkdf(shared.bytes, salt, "age-encryption.org/v1/X25519");
  static constexpr unsigned char kNonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {};
  std::string body;
  append_sealed(body, wrap_key.bytes, kNonce, file_key);
  return "-> X25519 " + unpadded(view_of(share)) + "\n" + unpadded(body) + "\n";
}

}  // namespace

Result<std::vector<std::string>> parse_recipients(std::string_view text) {
  require_sodium();
  std::vector<std::string> recipients;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const auto key = parse_recipient(line);
    if (!key || !make_stanza(*key, std::string(kFileKeyBytes, '\0')))
      return fail(Errc::Corrupt, "line " + std::to_string(number) +
                                     ": not an age recipient (age1 and 58 characters, as "
                                     "age-keygen prints it)");
    recipients.emplace_back(line);
  }
  return recipients;
}

struct AgeWriter::State {
  Secret payload_key;
  std::uint64_t chunk = 0;
  std::string pending;  ///< at most one chunk, which may be the last one

  void seal(bool is_last, std::string& out) {
    unsigned char nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {};
    for (std::size_t i = 0; i < 8; ++i)  // eleven bytes big-endian, then the mark of the last one
      nonce[10 - i] = static_cast<unsigned char>(chunk >> (8 * i) & 0xff);
    nonce[11] = is_last ? 1 : 0;
    append_sealed(out, payload_key.bytes, nonce, pending);
    ++chunk;
    pending.clear();
  }
};

AgeWriter::AgeWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
AgeWriter::AgeWriter(AgeWriter&&) noexcept = default;
AgeWriter& AgeWriter::operator=(AgeWriter&&) noexcept = default;
AgeWriter::~AgeWriter() = default;

Result<AgeWriter> AgeWriter::begin(std::span<const std::string> recipients, std::string& out) {
  require_sodium();
  if (recipients.empty()) return fail(Errc::Usage, "nobody to encrypt for");
  const Secret file_key(random_bytes(kFileKeyBytes));
  std::string header(kIntro);
  for (const std::string& recipient : recipients) {
    const auto key = parse_recipient(recipient);
    const auto stanza = key ? make_stanza(*key, file_key.bytes) : std::nullopt;
    if (!stanza) return fail(Errc::Corrupt, recipient + " is not an age recipient");
    header += *stanza;
  }
  header += "---";
  const Secret mac_key = hkdf(file_key.bytes, {}, "header");
  const std::string mac = unpadded(hmac_sha256(mac_key.bytes, header).view());
  const std::string nonce = random_bytes(16);
  out.append(header).append(" ").append(mac).append("\n").append(nonce);
  return AgeWriter(std::make_unique<State>(State{hkdf(file_key.bytes, nonce, "payload"), 0, {}}));
}

void AgeWriter::write(std::string_view plain, std::string& out) {
  while (!plain.empty()) {
    if (state_->pending.size() == kChunkBytes) state_->seal(false, out);
    const auto some = plain.substr(0, kChunkBytes - state_->pending.size());
    state_->pending += some;
    plain.remove_prefix(some.size());
  }
}

void AgeWriter::finish(std::string& out) { state_->seal(true, out); }

}  // namespace alibi::seal
