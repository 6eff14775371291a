#include "cli/time_argument.hpp"

#include <fmt/format.h>

#include <ctime>
#include <optional>

namespace alibi::cli {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 86'400 * kSecondNs;

/// Reads fixed-width numbers and signs off the head of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<int> digits(std::size_t count) {
    if (text_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return std::nullopt;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }

  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  [[nodiscard]] bool is_done() const { return text_.empty(); }
  [[nodiscard]] char next() const { return text_.empty() ? '\0' : text_.front(); }

 private:
  std::string_view text_;
};

std::optional<std::int64_t> unit_ns(char unit) {
  switch (unit) {
    case 's': return kSecondNs;
    case 'm': return 60 * kSecondNs;
    case 'h': return 3600 * kSecondNs;
    case 'd': return kDayNs;
    case 'w': return 7 * kDayNs;
    default: return std::nullopt;
  }
}

std::optional<query::Moment> parse_relative(std::string_view text, WallNs now) {
  Scanner scanner(text);
  if (!scanner.take('-') || scanner.is_done()) return std::nullopt;
  std::int64_t back = 0;
  while (!scanner.is_done()) {
    std::int64_t number = 0;
    int count = 0;
    for (; scanner.next() >= '0' && scanner.next() <= '9' && count < 9; ++count)
      number = number * 10 + *scanner.digits(1);
    const auto unit = unit_ns(scanner.next());
    if (count == 0 || !unit || number > INT64_MAX / 16 / *unit) return std::nullopt;
    scanner.take(scanner.next());
    back += number * *unit;
    if (back > INT64_MAX / 8) return std::nullopt;
  }
  return query::Moment{{now.ns - back}, {now.ns - back}};
}

struct Clock {
  std::int64_t ns = 0;  ///< since midnight
  std::int64_t width_ns = 0;
};

/// HH:MM[:SS[.fraction]]
std::optional<Clock> scan_clock(Scanner& scanner) {
  const auto hour = scanner.digits(2);
  if (!hour || !scanner.take(':')) return std::nullopt;
  const auto minute = scanner.digits(2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  Clock clock{(*hour * 60 + *minute) * 60 * kSecondNs, 60 * kSecondNs};
  if (!scanner.take(':')) return clock;
  const auto second = scanner.digits(2);
  if (!second || *second > 60) return std::nullopt;
  clock = {clock.ns + *second * kSecondNs, kSecondNs};
  if (!scanner.take('.')) return clock;
  for (int count = 0; count < 9; ++count) {
    const auto digit = scanner.digits(1);
    if (!digit) return count == 0 ? std::nullopt : std::optional(clock);
    clock.width_ns /= 10;
    clock.ns += *digit * clock.width_ns;
  }
  return clock;
}

/// Seconds east of UTC; empty: none given.
std::optional<std::optional<std::int64_t>> scan_zone(Scanner& scanner) {
  if (scanner.is_done()) return std::optional<std::int64_t>{};
  if (scanner.take('Z') || scanner.take('z')) return std::optional<std::int64_t>{0};
  const int sign = scanner.next() == '-' ? -1 : 1;
  if (!scanner.take('+') && !scanner.take('-')) return std::nullopt;
  const auto hour = scanner.digits(2);
  scanner.take(':');
  const auto minute = scanner.digits(2);
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  return std::optional<std::int64_t>{sign * (*hour * 60 + *minute) * 60};
}

/// A time of a calendar day, in ns since 1970; empty when there is no such day.
std::optional<std::int64_t> time_on(int year, int month, int day, std::int64_t clock_ns,
                                    report::Zone zone) {
  std::tm parts{};
  parts.tm_year = year - 1900;
  parts.tm_mon = month - 1;
  parts.tm_mday = day;
  // Wall clock, not midnight and so many seconds: some days have 23 or 25 hours.
  parts.tm_hour = static_cast<int>(clock_ns / (3600 * kSecondNs));
  parts.tm_min = static_cast<int>(clock_ns / (60 * kSecondNs) % 60);
  parts.tm_isdst = -1;
  const std::time_t seconds = zone == report::Zone::Local ? std::mktime(&parts) : ::timegm(&parts);
  if (parts.tm_mon != month - 1 || parts.tm_mday != day || year < 1970 || year > 2200)
    return std::nullopt;
  return static_cast<std::int64_t>(seconds) * kSecondNs + clock_ns % (60 * kSecondNs);
}

query::Moment moment_of(std::int64_t first, std::int64_t width_ns) {
  return {{first}, {first + width_ns - 1}};
}

std::optional<query::Moment> parse_clock(std::string_view text, WallNs now, report::Zone zone) {
  Scanner scanner(text);
  const auto clock = scan_clock(scanner);
  if (!clock || !scanner.is_done()) return std::nullopt;
  const std::time_t seconds = now.ns / kSecondNs;
  std::tm parts{};
  zone == report::Zone::Local ? ::localtime_r(&seconds, &parts) : ::gmtime_r(&seconds, &parts);
  const int year = parts.tm_year + 1900;
  const auto today = time_on(year, parts.tm_mon + 1, parts.tm_mday, clock->ns, zone);
  if (!today) return std::nullopt;
  return moment_of(*today > now.ns ? *today - kDayNs : *today, clock->width_ns);
}

std::optional<query::Moment> parse_date(std::string_view text, report::Zone zone) {
  Scanner scanner(text);
  const auto year = scanner.digits(4);
  if (!year || !scanner.take('-')) return std::nullopt;
  const auto month = scanner.digits(2);
  if (!month || !scanner.take('-')) return std::nullopt;
  const auto day = scanner.digits(2);
  if (!day) return std::nullopt;
  if (scanner.is_done()) {
    const auto first = time_on(*year, *month, *day, 0, zone);
    return first ? std::optional(moment_of(*first, kDayNs)) : std::nullopt;
  }
  if (!scanner.take('T') && !scanner.take('t') && !scanner.take(' ')) return std::nullopt;
  const auto clock = scan_clock(scanner);
  const auto offset = clock ? scan_zone(scanner) : std::nullopt;
  if (!clock || !offset || !scanner.is_done()) return std::nullopt;
  const auto first = time_on(*year, *month, *day, clock->ns, *offset ? report::Zone::Utc : zone);
  if (!first) return std::nullopt;
  return moment_of(*first - offset->value_or(0) * kSecondNs, clock->width_ns);
}

}  // namespace

Result<query::Moment> parse_moment(std::string_view text, WallNs now, report::Zone zone) {
  if (text == "now") return query::Moment{now, now};
  auto moment = parse_relative(text, now);
  if (!moment) moment = parse_clock(text, now, zone);
  if (!moment) moment = parse_date(text, zone);
  if (moment) return *moment;
  return fail(
      Errc::Usage,
      fmt::format("'{}' is not a time; give one like -2h, now, 14:05, '2026-11-22 14:05' or "
                  "2026-11-22T14:05:30Z",
                  text));
}

Result<query::TimeRange> parse_range(std::string_view from, std::string_view to, WallNs now,
                                     report::Zone zone) {
  query::TimeRange range;
  if (!from.empty()) {
    const auto moment = parse_moment(from, now, zone);
    if (!moment) return during("--from", moment.error());
    range.from = moment->first;
  }
  if (!to.empty()) {
    const auto moment = parse_moment(to, now, zone);
    if (!moment) return during("--to", moment.error());
    range.to = moment->last;
  }
  if (range.from && range.to && *range.to < *range.from)
    return fail(Errc::Usage, "--to is before --from");
  return range;
}

}  // namespace alibi::cli
