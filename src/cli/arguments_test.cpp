// Times, addresses, sizes and durations as people type them.

#include <gtest/gtest.h>

#include <cstdlib>

#include "cli/nearest.hpp"
#include "cli/quantity.hpp"
#include "cli/target.hpp"
#include "cli/time_argument.hpp"
#include "event/record.hpp"

namespace alibi::cli {
namespace {

using report::Zone;

constexpr std::int64_t kSecond = 1'000'000'000;

WallNs at(std::string_view text) { return *event::parse_time(text); }

const WallNs kNow = *event::parse_time("2026-11-22T14:00:00.000000Z");

TEST(Time, RelativeToNow) {
  EXPECT_EQ(parse_moment("now", kNow, Zone::Utc)->first, kNow);
  EXPECT_EQ(parse_moment("-2h", kNow, Zone::Utc)->first.ns, kNow.ns - 7200 * kSecond);
  EXPECT_EQ(parse_moment("-1h30m", kNow, Zone::Utc)->first.ns, kNow.ns - 5400 * kSecond);
  EXPECT_EQ(parse_moment("-90s", kNow, Zone::Utc)->first.ns, kNow.ns - 90 * kSecond);
  EXPECT_EQ(parse_moment("-1w", kNow, Zone::Utc)->first.ns, kNow.ns - 7 * 86'400 * kSecond);
}

TEST(Time, IsAsWideAsItsLastDigit) {
  const auto minute = parse_moment("2026-11-22 13:05", kNow, Zone::Utc);
  ASSERT_TRUE(minute);
  EXPECT_EQ(minute->first, at("2026-11-22T13:05:00.000000Z"));
  EXPECT_EQ(minute->last.ns, minute->first.ns + 60 * kSecond - 1);
  const auto day = parse_moment("2026-11-22", kNow, Zone::Utc);
  EXPECT_EQ(day->last.ns - day->first.ns, 86'400 * kSecond - 1);
  const auto fraction = parse_moment("2026-11-22T13:05:06.25Z", kNow, Zone::Utc);
  EXPECT_EQ(fraction->first, at("2026-11-22T13:05:06.250000Z"));
  EXPECT_EQ(fraction->last.ns, fraction->first.ns + kSecond / 100 - 1);
}

TEST(Time, OfDayIsTheLatestOne) {
  EXPECT_EQ(parse_moment("13:05", kNow, Zone::Utc)->first, at("2026-11-22T13:05:00.000000Z"));
  EXPECT_EQ(parse_moment("15:05:07", kNow, Zone::Utc)->first, at("2026-11-21T15:05:07.000000Z"));
}

TEST(Time, Zones) {
  EXPECT_EQ(parse_moment("2026-11-22T14:05:00+01:00", kNow, Zone::Utc)->first,
            at("2026-11-22T13:05:00.000000Z"));
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  EXPECT_EQ(parse_moment("2026-11-22 14:05", kNow, Zone::Local)->first,
            at("2026-11-22T13:05:00.000000Z"));
  // The day on which summer time ends has 25 hours.
  EXPECT_EQ(parse_moment("2026-10-25 14:05", kNow, Zone::Local)->first,
            at("2026-10-25T13:05:00.000000Z"));
  EXPECT_EQ(parse_moment("2026-11-22T14:05:00Z", kNow, Zone::Local)->first,
            at("2026-11-22T14:05:00.000000Z"));
  ::setenv("TZ", "UTC", 1);
  ::tzset();
}

TEST(Time, WhatIsNone) {
  for (const char* text :
       {"", "-", "-h", "-2", "2h", "-2y", "yesterday", "25:00", "12:60", "1:05", "2026-13-01",
        "2026-02-30", "2026-11-22T", "2026-11-22 14:05x", "2026-11-22 14:05:00+1", "12:00:00.",
        "-99999999999999999999s", "0000-01-01", "2026-11-22\n"}) {
    const auto moment = parse_moment(text, kNow, Zone::Utc);
    ASSERT_FALSE(moment) << text;
    EXPECT_EQ(moment.error().code, Errc::Usage);
  }
}

TEST(Target, AddressPortNameAndNeither) {
  EXPECT_EQ(parse_target("192.0.2.7:443")->endpoint->port, 443);
  EXPECT_FALSE(parse_target("192.0.2.7")->endpoint->port);
  EXPECT_EQ(parse_target("[2001:db8::1]:80")->endpoint->port, 80);
  EXPECT_TRUE(parse_target("2001:db8::1")->endpoint);
  EXPECT_EQ(parse_target("example.org")->name, "example.org");
  EXPECT_EQ(parse_target("example.org:80")->port, 80);
  for (const char* text : {"", "300.1.1.1", "192.0.2.7:99999", "192.0.2.7:", "example.org:x",
                           "2001:db8::1::2", "a b", ":80"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

TEST(Quantity, SizesAndDurations) {
  EXPECT_EQ(parse_size("64MiB"), 64U << 20);
  EXPECT_EQ(parse_size("10 GiB"), 10ULL << 30);
  EXPECT_EQ(parse_size("1MB"), 1'000'000U);
  EXPECT_EQ(parse_size("0"), 0U);
  for (const char* text :
       {"", "MiB", "-1", "1.5MiB", "1 Mib", "99999999999TiB", "18446744073709551616"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
  EXPECT_EQ(size_text(64U << 20), "64MiB");
  EXPECT_EQ(size_text(1'000'001), "1000001");
  EXPECT_EQ(parse_duration_ms("1d"), 86'400'000U);
  EXPECT_EQ(parse_duration_ms("500ms"), 500U);
  EXPECT_FALSE(parse_duration_ms("500"));
  EXPECT_EQ(duration_ms_text(90'000), "90s");
}

TEST(Nearest, NearOrNothing) {
  EXPECT_EQ(nearest_word("shwo", {"show", "who"}), "show");
  EXPECT_EQ(nearest_word("--prot", {"--proto", "--port"}), "--proto");
  EXPECT_EQ(nearest_word("xyzzy", {"show", "who"}), "");
}

}  // namespace
}  // namespace alibi::cli
