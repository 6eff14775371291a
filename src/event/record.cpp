#include "event/record.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "event/number.hpp"

namespace alibi::event {
namespace {

constexpr auto kKindNames = std::to_array<std::string_view>({
#define KIND(identifier, name, group, hook, meaning) name,
#include "event/kinds.def"
#undef KIND
});

constexpr auto kGradeNames =
    std::to_array<std::string_view>({"", "proven", "likely", "ambiguous", "unknown"});
constexpr auto kDirectionNames = std::to_array<std::string_view>({"", "out", "in"});

template <typename Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

void put_digits(char* to, unsigned value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10)
    to[i] = static_cast<char>('0' + value % 10);
}

/// Exactly `width` digits at `at`, or -1.
int take_digits(std::string_view text, std::size_t at, std::size_t width) {
  int value = 0;
  for (std::size_t i = at; i < at + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/// ".123456Z" to nanoseconds; one to nine digits, or no fraction at all.
std::optional<std::int64_t> parse_fraction(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() < 3 || text.size() > 11 || text.front() != '.' || text.back() != 'Z')
    return std::nullopt;
  const std::size_t digits = text.size() - 2;
  std::int64_t value = take_digits(text, 1, digits);
  if (value < 0) return std::nullopt;
  for (std::size_t i = digits; i < 9; ++i)
    value *= 10;
  return value;
}

}  // namespace

std::string_view Record::find_extra(std::string_view key) const {
  for (const auto& [name_of_pair, value] : extra) {
    if (name_of_pair == key) return value;
  }
  return {};
}

std::string_view to_text(Kind kind) { return kKindNames.at(static_cast<std::size_t>(kind)); }
std::optional<Kind> parse_kind(std::string_view text) { return find_name<Kind>(kKindNames, text); }

std::string_view to_text(Grade grade) { return kGradeNames.at(static_cast<std::size_t>(grade)); }
std::optional<Grade> parse_grade(std::string_view text) {
  return find_name<Grade>(kGradeNames, text);
}

std::string_view to_text(Direction direction) {
  return kDirectionNames.at(static_cast<std::size_t>(direction));
}
std::optional<Direction> parse_direction(std::string_view text) {
  return find_name<Direction>(kDirectionNames, text);
}

std::string to_text(Source source) {
  std::string text(1, source.ring);
  append_number(text, source.cpu);
  text += ':';
  append_number(text, source.number);
  return text;
}

std::optional<Source> parse_source(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  if (text[0] < 'a' || text[0] > 'z') return std::nullopt;
  const auto cpu = parse_number<std::uint16_t>(text.substr(1, colon - 1));
  const auto number = parse_number<std::uint64_t>(text.substr(colon + 1));
  if (!cpu || !number) return std::nullopt;
  return Source{.ring = text[0], .cpu = *cpu, .number = *number};
}

std::string to_text(WallNs time) {
  using namespace std::chrono;
  const sys_time<nanoseconds> point{nanoseconds{time.ns}};
  const auto day = floor<days>(point);
  const year_month_day date{day};
  const auto micros = floor<microseconds>(point - day).count();
  const auto seconds = static_cast<unsigned>(micros / 1'000'000);
  std::string text = "0000-00-00T00:00:00.000000Z";
  char* const at = text.data();
  put_digits(at, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put_digits(at + 5, static_cast<unsigned>(date.month()), 2);
  put_digits(at + 8, static_cast<unsigned>(date.day()), 2);
  put_digits(at + 11, seconds / 3600, 2);
  put_digits(at + 14, seconds / 60 % 60, 2);
  put_digits(at + 17, seconds % 60, 2);
  put_digits(at + 20, static_cast<unsigned>(micros % 1'000'000), 6);
  return text;
}

std::optional<WallNs> parse_time(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() <= kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != '0' && kForm[i] != text[i]) return std::nullopt;
  }
  const int years = take_digits(text, 0, 4);
  const int months_of_year = take_digits(text, 5, 2);
  const int day_of_month = take_digits(text, 8, 2);
  const int hour = take_digits(text, 11, 2);
  const int minute = take_digits(text, 14, 2);
  const int second = take_digits(text, 17, 2);
  const auto fraction = parse_fraction(text.substr(kForm.size()));
  // 64 bits of nanoseconds reach from 1677 to 2262.
  if (years < 1678 || years > 2261 || months_of_year < 0 || day_of_month < 0 || hour < 0 ||
      hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || !fraction) {
    return std::nullopt;
  }
  const year_month_day date{year{years}, month{static_cast<unsigned>(months_of_year)},
                            day{static_cast<unsigned>(day_of_month)}};
  if (!date.ok()) return std::nullopt;
  const nanoseconds since =
      sys_days{date}.time_since_epoch() + hours{hour} + minutes{minute} + seconds{second};
  return WallNs{since.count() + *fraction};
}

}  // namespace alibi::event
