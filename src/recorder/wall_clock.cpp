#include "recorder/wall_clock.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace alibi::recorder {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kSampleEveryNs = 60 * kSecondNs;
constexpr std::size_t kMaxEntries = 4096;  // nearly three days of samples
constexpr int kReadings = 5;
// The kernel slews by at most 500 ppm, adjtime(3) included (kernel/time/ntp.c,
// MAXFREQ); anything faster is a step.
constexpr std::int64_t kMaxSlewPpm = 500;
constexpr std::int64_t kStepSlackNs = 1'000'000;
// Boot and monotonic time are read one after the other: a difference below this
// is the time between the readings.
constexpr std::int64_t kSuspendSlackNs = 10'000'000;

}  // namespace

std::string_view to_text(ClockChange change) {
  switch (change) {
    case ClockChange::Sample: return "sample";
    case ClockChange::Step: return "step";
    case ClockChange::Suspend: break;
  }
  return "suspend";
}

Result<WallClock> WallClock::open(const ClockSource& clocks) {
  WallClock clock(clocks);
  clock.timer_ = UniqueFd(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!clock.timer_.is_open()) return fail_errno(errno, "create a timer that notices clock steps");
  if (auto armed = clock.arm(); !armed) return std::unexpected(std::move(armed.error()));
  clock.slept_ns_ = clocks.boot_ns() - clocks.monotonic_ns();
  ClockEntry first = clock.measure();
  first.before_ns = first.offset_ns;
  clock.table_.push_back(first);
  return clock;
}

Status WallClock::arm() {
  itimerspec never{};
  never.it_value.tv_sec = std::numeric_limits<time_t>::max();
  const int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  if (::timerfd_settime(timer_.get(), flags, &never, nullptr) == 0) return {};
  // ECANCELED: the clock was set since the last call, and the timer is armed all the same.
  if (errno == ECANCELED) return {};
  return fail_errno(errno, "arm the timer that notices clock steps");
}

bool WallClock::take_cancellation() {
  std::uint64_t expirations = 0;
  return ::read(timer_.get(), &expirations, sizeof expirations) < 0 && errno == ECANCELED;
}

/// The wall clock read between two readings of the boot clock; the tightest of a few.
ClockEntry WallClock::measure() const {
  ClockEntry best;
  best.uncertainty_ns = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < kReadings; ++i) {
    const std::int64_t before_ns = clocks_->boot_ns();
    const std::int64_t wall_ns = clocks_->wall_ns();
    const std::int64_t after_ns = clocks_->boot_ns();
    const std::int64_t width_ns = after_ns - before_ns;
    const std::int64_t uncertainty_ns = width_ns - width_ns / 2;
    if (uncertainty_ns >= best.uncertainty_ns) continue;
    best.uncertainty_ns = uncertainty_ns;
    best.boot = BootNs{static_cast<std::uint64_t>(after_ns)};
    best.offset_ns = wall_ns - (before_ns + width_ns / 2);
  }
  return best;
}

std::optional<ClockEntry> WallClock::check() {
  const bool is_cancelled = take_cancellation();
  const std::int64_t slept_ns = clocks_->boot_ns() - clocks_->monotonic_ns();
  ClockEntry entry = measure();
  const ClockEntry& last = table_.back();
  entry.before_ns = last.offset_ns;
  const auto elapsed_ns = static_cast<std::int64_t>(entry.boot.ns - last.boot.ns);
  const std::int64_t slew_ns = elapsed_ns / 1'000'000 * kMaxSlewPpm;
  const std::int64_t moved_ns = std::abs(entry.offset_ns - last.offset_ns);
  if (slept_ns - slept_ns_ > kSuspendSlackNs) {
    entry.change = ClockChange::Suspend;
    entry.suspended_ns = slept_ns - slept_ns_;
    slept_ns_ = slept_ns;
  } else if (is_cancelled ||
             moved_ns > slew_ns + kStepSlackNs + entry.uncertainty_ns + last.uncertainty_ns) {
    entry.change = ClockChange::Step;
  } else if (elapsed_ns < kSampleEveryNs) {
    return std::nullopt;
  }
  if (table_.size() >= kMaxEntries) table_.erase(table_.begin());
  table_.push_back(entry);
  return entry;
}

WallNs WallClock::at(BootNs boot) const {
  const auto later = std::ranges::upper_bound(table_, boot, {}, &ClockEntry::boot);
  const ClockEntry& entry = later == table_.begin() ? table_.front() : *std::prev(later);
  // A time no kernel stamps, out of a damaged record, becomes the first or last one that
  // can be written and sealed: 1970, or the end of 2261 (event::parse_time).
  constexpr std::int64_t kLastNs = 9'214'646'399'999'999'999;
  std::int64_t wall_ns = 0;
  if (__builtin_add_overflow(boot.ns, entry.offset_ns, &wall_ns)) wall_ns = kLastNs;
  return WallNs{std::clamp<std::int64_t>(wall_ns, 0, kLastNs)};
}

}  // namespace alibi::recorder
