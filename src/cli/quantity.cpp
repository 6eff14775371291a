#include "cli/quantity.hpp"

#include <charconv>
#include <span>

namespace alibi::cli {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first, so that printing takes the first that divides.
constexpr Unit kSizes[] = {{"TiB", 1ULL << 40},
                           {"GiB", 1ULL << 30},
                           {"MiB", 1ULL << 20},
                           {"KiB", 1ULL << 10},
                           {"TB", 1'000'000'000'000},
                           {"GB", 1'000'000'000},
                           {"MB", 1'000'000},
                           {"kB", 1'000},
                           {"B", 1},
                           {"", 1}};
constexpr Unit kDurations[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1'000}, {"ms", 1}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  while (text.starts_with(' '))
    text.remove_prefix(1);
  for (const Unit& unit : units) {
    if (text == unit.name)
      return number <= UINT64_MAX / unit.factor ? std::optional(number * unit.factor)
                                                : std::nullopt;
  }
  return std::nullopt;
}

std::string print(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0)
      return std::to_string(value / unit.factor) + std::string(unit.name);
  }
  return "0";
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse(text, kSizes); }
std::string size_text(std::uint64_t bytes) {
  constexpr Unit kBinary[] = {kSizes[0], kSizes[1], kSizes[2], kSizes[3], {"", 1}};
  return print(bytes, kBinary);
}

std::optional<std::uint64_t> parse_duration_ms(std::string_view text) {
  return parse(text, kDurations);
}
std::string duration_ms_text(std::uint64_t ms) { return print(ms, kDurations); }

}  // namespace alibi::cli
