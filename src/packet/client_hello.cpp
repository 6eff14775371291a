#include "packet/client_hello.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "packet/cursor.hpp"

namespace alibi::packet {
namespace {

constexpr std::uint16_t kServerName = 0x0000;
constexpr std::uint16_t kSignatureAlgorithms = 0x000d;
constexpr std::uint16_t kAlpn = 0x0010;
constexpr std::uint16_t kSupportedVersions = 0x002b;
constexpr std::uint16_t kEncryptedClientHello = 0xfe0d;
constexpr std::uint16_t kEncryptedServerName = 0xffce;  ///< its draft predecessor
constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kSessionIdBytesMax = 32;

/// RFC 8701: 0x0a0a, 0x1a1a, ... 0xfafa.
bool is_grease(std::uint16_t value) {
  return (value & 0x0f0fU) == 0x0a0aU && value >> 8U == (value & 0xffU);
}

std::string raw_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::uint16_t> words(std::span<const std::byte> bytes) {
  std::vector<std::uint16_t> all;
  for (Cursor at(bytes); at.left() >= 2;)
    all.push_back(at.u16());
  return all;
}

void read_server_name(std::span<const std::byte> bytes, ClientHello& hello) {
  Cursor at(bytes);
  Cursor names(at.take_some(at.u16()));
  while (names.left() > 0 && hello.server_name.empty()) {
    const bool is_host_name = names.u8() == 0;
    const auto name = names.take(names.u16());
    if (is_host_name) hello.server_name = raw_text(name);
  }
}

void read_alpn(std::span<const std::byte> bytes, ClientHello& hello) {
  Cursor at(bytes);
  Cursor names(at.take_some(at.u16()));
  while (names.left() > 0) {
    const auto name = names.take(names.u8());
    if (names.is_sound()) hello.alpn.push_back(raw_text(name));
  }
}

void read_extension(std::uint16_t type, std::span<const std::byte> bytes, ClientHello& hello) {
  hello.extensions.push_back(type);
  Cursor at(bytes);
  switch (type) {
    case kServerName: read_server_name(bytes, hello); break;
    case kAlpn: read_alpn(bytes, hello); break;
    case kSignatureAlgorithms: hello.signature_algorithms = words(at.take_some(at.u16())); break;
    case kSupportedVersions: hello.supported_versions = words(at.take_some(at.u8())); break;
    case kEncryptedClientHello:
    case kEncryptedServerName: hello.has_ech = true; break;
    default: break;
  }
}

std::vector<std::uint16_t> without_grease(std::vector<std::uint16_t> values) {
  std::erase_if(values, is_grease);
  return values;
}

std::string hex_list(const std::vector<std::uint16_t>& values) {
  std::string text;
  for (const std::uint16_t value : values)
    text += fmt::format("{}{:04x}", text.empty() ? "" : ",", value);
  return text;
}

/// The first 12 digits of the SHA-256; of an empty list twelve zeros.
std::string short_hash(const std::string& text) {
  if (text.empty()) return "000000000000";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha256(), nullptr) != 1)
    return "";
  std::string hex;
  for (std::size_t i = 0; i < 6; ++i)
    hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string ja4_version(std::uint16_t version) {
  switch (version) {
    case 0x0304: return "13";
    case 0x0303: return "12";
    case 0x0302: return "11";
    case 0x0301: return "10";
    case 0x0300: return "s3";
    case 0x0002: return "s2";
    default: return "00";
  }
}

bool is_alphanumeric(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= 'a' && letter <= 'z');
}

/// First and last character of the first protocol; of its hexadecimal digits
/// where one of them is no letter or digit.
std::string ja4_alpn(const std::vector<std::string>& alpn) {
  if (alpn.empty() || alpn.front().empty()) return "00";
  const char first = alpn.front().front();
  const char last = alpn.front().back();
  if (is_alphanumeric(first) && is_alphanumeric(last)) return {first, last};
  const auto digits = [](char letter) {
    return fmt::format("{:02x}", static_cast<unsigned char>(letter));
  };
  return {digits(first)[0], digits(last)[1]};
}

}  // namespace

std::uint16_t ClientHello::version() const {
  const auto known = without_grease(supported_versions);
  return known.empty() ? legacy_version : *std::ranges::max_element(known);
}

std::optional<ClientHello> parse_client_hello(std::span<const std::byte> body,
                                              std::size_t wire_bytes) {
  Cursor at(body);
  ClientHello hello;
  hello.legacy_version = at.u16();
  at.take(kRandomBytes);
  const std::size_t session_id_bytes = at.u8();
  if (!at.is_sound() || hello.legacy_version >> 8U != 3 || session_id_bytes > kSessionIdBytesMax)
    return std::nullopt;
  at.take(session_id_bytes);
  hello.ciphers = words(at.take_some(at.u16()));
  at.take(at.u8());  // compression methods
  hello.is_cut = !at.is_sound();
  if (hello.is_cut || at.left() == 0) {  // without extensions before TLS 1.2
    hello.is_cut = hello.is_cut || body.size() < wire_bytes;
    return hello;
  }
  Cursor extensions(at.take_some(at.u16()));
  while (extensions.left() > 0) {
    const std::uint16_t type = extensions.u16();
    const auto value = extensions.take_some(extensions.u16());
    read_extension(type, value, hello);
  }
  hello.is_cut = !at.is_sound() || !extensions.is_sound();
  return hello;
}

std::string tls_version_text(std::uint16_t version) {
  if (version == 0x0300) return "3.0";
  if (version > 0x0300 && version <= 0x0304) return fmt::format("1.{}", version - 0x0301);
  return fmt::format("{:#06x}", version);
}

std::string ja4(const ClientHello& hello, char transport) {
  auto ciphers = without_grease(hello.ciphers);
  auto extensions = without_grease(hello.extensions);
  const bool has_name = std::ranges::find(extensions, kServerName) != extensions.end();
  const std::string start =
      fmt::format("{}{}{}{:02}{:02}{}", transport, ja4_version(hello.version()),
                  has_name ? 'd' : 'i', std::min<std::size_t>(99, ciphers.size()),
                  std::min<std::size_t>(99, extensions.size()), ja4_alpn(hello.alpn));
  std::ranges::sort(ciphers);
  std::erase_if(extensions,
                [](std::uint16_t type) { return type == kServerName || type == kAlpn; });
  std::ranges::sort(extensions);
  std::string listed = hex_list(extensions);
  const auto signatures = without_grease(hello.signature_algorithms);
  if (!signatures.empty()) listed += "_" + hex_list(signatures);
  return start + "_" + short_hash(hex_list(ciphers)) + "_" +
         (extensions.empty() ? short_hash("") : short_hash(listed));
}

Finding client_hello_finding(const ClientHello& hello, char transport) {
  Finding finding{.kind =
                      transport == 'q' ? FindingKind::QuicInitial : FindingKind::TlsClientHello};
  const auto tell = [&](std::string_view field, std::string value) {
    if (!value.empty()) finding.fields.emplace_back(field, std::move(value));
  };
  std::string protocols;
  for (const std::string& name : hello.alpn)
    protocols.append(protocols.empty() ? "" : ",").append(name);
  tell("sni", hello.server_name);
  tell("alpn", protocols);
  tell("version", tls_version_text(hello.version()));
  if (!hello.is_cut) tell("ja4", ja4(hello, transport));
  if (hello.has_ech) tell("ech", "true");
  finding.is_cut = hello.is_cut;
  return finding;
}

}  // namespace alibi::packet
