#pragma once
// TLS client hello (RFC 8446, section 4.1.2; RFC 5246; extensions: RFC 6066 SNI,
// RFC 7301 ALPN, RFC 8701 GREASE, RFC 9849 encrypted client hello) and its JA4
// (FoxIO, JA4 of the TLS client), for TLS over TCP and QUIC.
//
// Total and bounded: any bytes give an answer; what is cut says so.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "packet/inspector.hpp"

namespace alibi::packet {

struct ClientHello {
  std::uint16_t legacy_version = 0;
  std::vector<std::uint16_t> ciphers;             ///< as sent, GREASE included
  std::vector<std::uint16_t> extensions;          ///< types as sent, GREASE included
  std::vector<std::uint16_t> supported_versions;  ///< as sent, GREASE included
  std::vector<std::uint16_t> signature_algorithms;
  std::string server_name;        ///< raw bytes; empty: none
  std::vector<std::string> alpn;  ///< raw bytes
  bool has_ech = false;           ///< the name above is then that of the outer hello
  bool is_cut = false;

  /// The highest version offered.
  [[nodiscard]] std::uint16_t version() const;
};

/// `body` is the handshake message behind its four bytes of type and length, of
/// `wire_bytes` bytes. Empty where this is no client hello.
[[nodiscard]] std::optional<ClientHello> parse_client_hello(std::span<const std::byte> body,
                                                            std::size_t wire_bytes);

/// "1.3", "1.2", "3.0" for SSL 3.0, or "0x1234".
[[nodiscard]] std::string tls_version_text(std::uint16_t version);

/// `transport`: 't' for TCP, 'q' for QUIC. Meaningful for whole hellos only.
[[nodiscard]] std::string ja4(const ClientHello& hello, char transport);

/// The fields sni, alpn, version, ja4, ech.
[[nodiscard]] Finding client_hello_finding(const ClientHello& hello, char transport);

}  // namespace alibi::packet
