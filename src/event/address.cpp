#include "event/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "event/number.hpp"

namespace alibi::event {
namespace {

constexpr std::size_t kGroups = 8;

std::uint16_t group(const IpAddress& address, std::size_t i) {
  return static_cast<std::uint16_t>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);
}

struct ZeroRun {
  std::size_t begin = kGroups;
  std::size_t length = 1;  ///< RFC 5952 4.2.2: a single zero group is not shortened
};

ZeroRun longest_zero_run(const IpAddress& address) {
  ZeroRun best;
  for (std::size_t i = 0; i < kGroups;) {
    std::size_t end = i;
    while (end < kGroups && group(address, end) == 0)
      ++end;
    if (end - i > best.length) best = {i, end - i};
    i = std::max(end, i + 1);
  }
  return best;
}

void append_v6(std::string& out, const IpAddress& address) {
  const ZeroRun run = longest_zero_run(address);
  for (std::size_t i = 0; i < kGroups;) {
    if (i == run.begin) {
      out += "::";
      i += run.length;
      continue;
    }
    if (i != 0 && i != run.begin + run.length) out += ':';
    append_number(out, group(address, i), 16);
    ++i;
  }
}

void append_address(std::string& out, const IpAddress& address) {
  if (address.is_v6) return append_v6(out, address);
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) out += '.';
    append_number(out, address.bytes[i]);
  }
}

std::optional<Endpoint> with_port(std::string_view address, std::string_view port, bool want_v6) {
  const auto ip = parse_address(address);
  const auto number = parse_number<std::uint16_t>(port);
  // "[::ffff:1.2.3.4]:80" is IPv4 once parsed, so the brackets decide nothing.
  if (!ip || !number || (ip->is_v6 && !want_v6)) return std::nullopt;
  return Endpoint{*ip, *number};
}

}  // namespace

bool IpAddress::is_unspecified() const {
  return std::ranges::all_of(octets(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const {
  if (!is_v6) return bytes[0] == 127;
  return bytes.back() == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

IpAddress ipv4(const std::uint8_t (&octets)[4]) {
  IpAddress address;
  std::ranges::copy(octets, address.bytes.begin());
  return address;
}

IpAddress ipv6(const std::uint8_t (&octets)[16]) {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  IpAddress address;
  if (std::memcmp(octets, kMapped, sizeof kMapped) == 0) {
    std::copy_n(octets + sizeof kMapped, 4, address.bytes.begin());
    return address;
  }
  address.is_v6 = true;
  std::ranges::copy(octets, address.bytes.begin());
  return address;
}

std::string to_text(const IpAddress& address) {
  std::string text;
  append_address(text, address);
  return text;
}

std::string to_text(const Endpoint& endpoint) {
  std::string text;
  const bool bracket = endpoint.port && endpoint.address.is_v6;
  if (bracket) text += '[';
  append_address(text, endpoint.address);
  if (bracket) text += ']';
  if (endpoint.port) {
    text += ':';
    append_number(text, *endpoint.port);
  }
  return text;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  terminated[text.copy(terminated, text.size())] = '\0';
  std::uint8_t octets[16] = {};
  if (::inet_pton(AF_INET6, terminated, octets) == 1) return ipv6(octets);
  if (::inet_pton(AF_INET, terminated, octets) != 1) return std::nullopt;
  return ipv4({octets[0], octets[1], octets[2], octets[3]});
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    const auto inside = text.substr(1, close - 1);
    const auto rest = text.substr(close + 1);
    if (inside.find(':') == std::string_view::npos) return std::nullopt;
    if (rest.starts_with(':')) return with_port(inside, rest.substr(1), true);
    if (!rest.empty()) return std::nullopt;
    text = inside;
  } else if (std::ranges::count(text, ':') == 1) {
    const auto colon = text.find(':');
    return with_port(text.substr(0, colon), text.substr(colon + 1), false);
  }
  const auto address = parse_address(text);
  if (!address) return std::nullopt;
  return Endpoint{*address, std::nullopt};
}

}  // namespace alibi::event
