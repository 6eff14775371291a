#pragma once
// Internet addresses as values, and their text forms in the log.
//
// IPv4 "127.0.0.1:8000", IPv6 "[::1]:8000" (RFC 5952), without a port
// "127.0.0.1" / "::1" (ICMP and raw sockets). IPv4-mapped IPv6 addresses
// (::ffff:a.b.c.d) are kept as IPv4, because that is what travels on the wire.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace alibi::event {

struct IpAddress {
  /// Network byte order; IPv4 uses the first four bytes, the rest is zero.
  std::array<std::uint8_t, 16> bytes{};
  bool is_v6 = false;
  auto operator<=>(const IpAddress&) const = default;

  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::span<const std::uint8_t> octets() const {
    return {bytes.data(), is_v6 ? bytes.size() : 4U};
  }
};

struct Endpoint {
  IpAddress address;
  std::optional<std::uint16_t> port;  ///< host byte order; empty: the protocol has none
  auto operator<=>(const Endpoint&) const = default;
};

[[nodiscard]] IpAddress ipv4(const std::uint8_t (&octets)[4]);
/// 16 bytes in network order; a mapped IPv4 address becomes IPv4.
[[nodiscard]] IpAddress ipv6(const std::uint8_t (&octets)[16]);
[[nodiscard]] std::string to_text(const IpAddress& address);
[[nodiscard]] std::string to_text(const Endpoint& endpoint);
[[nodiscard]] std::optional<IpAddress> parse_address(std::string_view text);
/// Accepts "a.b.c.d", "a.b.c.d:p", "v6", "[v6]", "[v6]:p".
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

}  // namespace alibi::event
