#include "cli/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace alibi::cli {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool is_host_name(std::string_view text) {
  const auto is_fit = [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c >= 0x80;
  };
  const auto is_numeric = [](unsigned char c) { return std::isdigit(c) || c == '.'; };
  return !text.empty() && text.size() <= 254 && std::ranges::all_of(text, is_fit) &&
         !std::ranges::all_of(text, is_numeric);
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (const auto endpoint = event::parse_endpoint(text)) return Target{.endpoint = *endpoint};
  const std::size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  if (is_host_name(host)) {
    if (colon == std::string_view::npos) return Target{.name = std::string(host)};
    if (const auto port = parse_port(text.substr(colon + 1)))
      return Target{.name = std::string(host), .port = *port};
  }
  return fail(
      Errc::Usage,
      fmt::format("'{}' is not an address; give one like 192.0.2.7, 192.0.2.7:443, 2001:db8::1, "
                  "[2001:db8::1]:443, example.org or example.org:443",
                  text));
}

}  // namespace alibi::cli
