#include "recorder/wall_clock.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/timex.h>

namespace alibi::recorder {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

class FakeClocks : public ClockSource {
 public:
  [[nodiscard]] std::int64_t boot_ns() const override { return now += reading_ns; }
  [[nodiscard]] std::int64_t monotonic_ns() const override { return now - slept; }
  [[nodiscard]] std::int64_t wall_ns() const override { return now + offset; }

  mutable std::int64_t now = 100 * kSecond;
  std::int64_t slept = 0;
  std::int64_t offset = 1'700'000'000 * kSecond;
  std::int64_t reading_ns = 100;  ///< a reading of the boot clock takes this long
};

TEST(WallClock, FirstSampleIsTight) {
  const FakeClocks clocks;
  const auto clock = WallClock::open(clocks);
  ASSERT_TRUE(clock.has_value());
  EXPECT_EQ(clock->first().change, ClockChange::Sample);
  EXPECT_EQ(clock->first().before_ns, clock->first().offset_ns);
  EXPECT_LE(clock->first().uncertainty_ns, 50);
  EXPECT_NEAR(static_cast<double>(clock->first().offset_ns - clocks.offset), 0, 50);
  EXPECT_EQ(clock->at(BootNs{5}).ns, 5 + clock->first().offset_ns);
}

TEST(WallClock, ATimeNoKernelStampsCanStillBeWritten) {
  const FakeClocks clocks;
  const auto clock = WallClock::open(clocks);
  ASSERT_TRUE(clock.has_value());
  for (const std::uint64_t ns : std::initializer_list<std::uint64_t>{
           1ULL << 63, (1ULL << 63) + 1'000'000'000'000'000'000, UINT64_MAX}) {
    EXPECT_EQ(clock->at(BootNs{ns}).ns, 9'214'646'399'999'999'999) << ns;
  }
}

TEST(WallClock, ASampleAMinute) {
  FakeClocks clocks;
  auto clock = WallClock::open(clocks);
  ASSERT_TRUE(clock.has_value());
  clocks.now += 59 * kSecond;
  EXPECT_FALSE(clock->check().has_value());
  clocks.now += 1 * kSecond;
  clocks.offset += 20'000'000;  // 333 ppm: slewed, not stepped
  const auto sample = clock->check();
  ASSERT_TRUE(sample.has_value());
  EXPECT_EQ(sample->change, ClockChange::Sample);
  EXPECT_NEAR(static_cast<double>(sample->offset_ns - sample->before_ns), 20'000'000, 200);
  EXPECT_FALSE(clock->check().has_value());
}

TEST(WallClock, AStepAppliesFromWhenItWasNoticed) {
  FakeClocks clocks;
  auto clock = WallClock::open(clocks);
  ASSERT_TRUE(clock.has_value());
  const std::int64_t old_ns = clock->latest().offset_ns;
  clocks.now += kSecond;
  clocks.offset -= 3600 * kSecond;
  const auto step = clock->check();
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->change, ClockChange::Step);
  EXPECT_EQ(step->before_ns, old_ns);
  EXPECT_EQ(clock->at(BootNs{step->boot.ns - 1}).ns,
            static_cast<std::int64_t>(step->boot.ns) - 1 + old_ns);
  EXPECT_EQ(clock->at(step->boot).ns, static_cast<std::int64_t>(step->boot.ns) + step->offset_ns);
  EXPECT_FALSE(clock->check().has_value());
}

TEST(WallClock, SuspendIsToldWithItsLength) {
  FakeClocks clocks;
  auto clock = WallClock::open(clocks);
  ASSERT_TRUE(clock.has_value());
  clocks.now += 500 * kSecond;
  clocks.slept += 500 * kSecond;
  clocks.offset += 40'000'000;
  const auto suspend = clock->check();
  ASSERT_TRUE(suspend.has_value());
  EXPECT_EQ(suspend->change, ClockChange::Suspend);
  EXPECT_NEAR(static_cast<double>(suspend->suspended_ns), 500e9, 1000);
  EXPECT_NEAR(static_cast<double>(suspend->offset_ns - suspend->before_ns), 40'000'000, 200);
  EXPECT_FALSE(clock->check().has_value());
}

TEST(WallClock, TheTableIsBounded) {
  FakeClocks clocks;
  auto clock = WallClock::open(clocks);
  ASSERT_TRUE(clock.has_value());
  for (int i = 0; i < 10'000; ++i) {
    clocks.now += 60 * kSecond;
    ASSERT_TRUE(clock->check().has_value());
  }
  const BootNs now{static_cast<std::uint64_t>(clocks.now)};
  EXPECT_NEAR(static_cast<double>(clock->at(now).ns - clocks.now - clocks.offset), 0, 50);
}

TEST(WallClock, RealClocksAgree) {
  const ClockSource clocks;
  const auto clock = WallClock::open(clocks);
  ASSERT_TRUE(clock.has_value());
  const WallNs before = wall_now();
  const WallNs told = clock->at(boot_now());
  const WallNs after = wall_now();
  EXPECT_GE(told.ns, before.ns - clock->first().uncertainty_ns);
  EXPECT_LE(told.ns, after.ns + clock->first().uncertainty_ns);
}

/// Moves the wall clock by one nanosecond: the least that counts as setting it.
bool nudge(long seconds, long nanoseconds) {
  timex offset{};
  offset.modes = ADJ_SETOFFSET | ADJ_NANO;
  offset.time.tv_sec = seconds;
  offset.time.tv_usec = nanoseconds;
  return ::adjtimex(&offset) >= 0;
}

TEST(WallClock, TheKernelTellsOfASetClockAtOnce) {
  const ClockSource clocks;
  auto clock = WallClock::open(clocks);
  ASSERT_TRUE(clock.has_value());
  pollfd ready{clock->poll_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&ready, 1, 0), 0);
  if (!nudge(0, 1)) GTEST_SKIP() << "needs CAP_SYS_TIME";
  ASSERT_EQ(::poll(&ready, 1, 1000), 1);
  const auto step = clock->check();
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->change, ClockChange::Step);
  EXPECT_EQ(::poll(&ready, 1, 0), 0);
  ASSERT_TRUE(nudge(-1, 999'999'999));
  EXPECT_EQ(::poll(&ready, 1, 1000), 1) << "the timer must stay armed";
}

}  // namespace
}  // namespace alibi::recorder
