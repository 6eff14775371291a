#include "import/foreign_time.hpp"

#include <chrono>

namespace alibi::import {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

/// Exactly `digits` digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// ".580" and more digits, as nanoseconds; digits beyond are cut.
std::int64_t take_fraction(std::string_view& text) {
  if (!take(text, ".,")) return 0;
  std::int64_t ns = 0;
  std::int64_t unit = kSecondNs / 10;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    ns += (text.front() - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
  }
  return ns;
}

/// "Z", nothing, or "+02:00"; seconds east of UTC.
std::optional<std::int64_t> take_zone(std::string_view text) {
  if (text.empty() || text == "Z") return 0;
  const bool is_west = text.front() == '-';
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  (void)take(text, ":");
  const auto minutes = text.empty() ? 0 : take_number(text, 2);
  if (!hours || !minutes || !text.empty()) return std::nullopt;
  const std::int64_t seconds = *hours * 3600 + *minutes * 60;
  return is_west ? -seconds : seconds;
}

std::optional<WallNs> parse_unix(std::string_view text) {
  std::int64_t seconds = 0;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9' && digits < 11)
    seconds = seconds * 10 + (text[digits++] - '0');
  if (digits < 9 || digits > 10) return std::nullopt;
  text.remove_prefix(digits);
  const std::int64_t ns = take_fraction(text);
  if (!text.empty() || seconds > INT64_MAX / kSecondNs - 1) return std::nullopt;
  return WallNs{seconds * kSecondNs + ns};
}

}  // namespace

std::optional<WallNs> parse_foreign_time(std::string_view text) {
  if (const auto unix_time = parse_unix(text)) return unix_time;
  const auto year = take_number(text, 4);
  if (!year || *year < 1971 || *year > 2260 || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take(text, "T ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 60) return std::nullopt;
  const std::int64_t fraction = take_fraction(text);
  const auto zone = take_zone(text);
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!zone || !date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + *hour * 3600 + *minute * 60 + *second - *zone;
  return WallNs{seconds * kSecondNs + fraction};
}

}  // namespace alibi::import
