#pragma once
// The offset of the wall clock to the boot clock, as a table over time.
//
// Records are stamped in the kernel with BootNs; their wall-clock time is
// BootNs plus the offset that was in force then. Every entry of the table
// becomes a `clock` record, so that a reader of the log can redo the sum: the
// entry for a time is the last one whose `boot` is not later.
//
// Steps and resumes from suspend are noticed at once through fd() (a timer that
// the kernel cancels when the clock is set), slewing by a sample a minute.
// Not thread-safe; nothing blocks.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::recorder {

/// The three clocks, replaceable in tests. Nanoseconds.
class ClockSource {
 public:
  virtual ~ClockSource() = default;
  [[nodiscard]] virtual std::int64_t boot_ns() const { return read_clock_ns(CLOCK_BOOTTIME); }
  [[nodiscard]] virtual std::int64_t monotonic_ns() const { return read_clock_ns(CLOCK_MONOTONIC); }
  [[nodiscard]] virtual std::int64_t wall_ns() const { return read_clock_ns(CLOCK_REALTIME); }
};

enum class ClockChange : std::uint8_t {
  Sample,   ///< first reading, or the regular one: the difference is slewing
  Step,     ///< somebody set the wall clock
  Suspend,  ///< the machine slept; the wall clock may have been corrected meanwhile
};

/// "sample", "step", "suspend": the `result` of a clock record.
[[nodiscard]] std::string_view to_text(ClockChange change);

struct ClockEntry {
  ClockChange change = ClockChange::Sample;
  BootNs boot;                      ///< in force from here on; when it was noticed
  std::int64_t offset_ns = 0;       ///< wall = boot + offset
  std::int64_t before_ns = 0;       ///< offset until now; the same in the first entry
  std::int64_t uncertainty_ns = 0;  ///< the true offset is within +- this of offset_ns
  std::int64_t suspended_ns = 0;    ///< how long the machine slept (Suspend)
};

class WallClock {
 public:
  /// `clocks` must outlive the object. The first entry is made here.
  /// Errors: Io (timerfd).
  [[nodiscard]] static Result<WallClock> open(const ClockSource& clocks);

  /// Becomes readable when the clock was set; then call check().
  [[nodiscard]] int poll_fd() const { return timer_.get(); }

  /// Call when poll_fd() is readable and at least once a second: it costs four
  /// clock readings. Returns the entry that must be recorded, if there is one:
  /// a step or suspend, or the sample of the minute.
  [[nodiscard]] std::optional<ClockEntry> check();

  /// The first entry, and the latest one.
  [[nodiscard]] const ClockEntry& first() const { return table_.front(); }
  [[nodiscard]] const ClockEntry& latest() const { return table_.back(); }

  /// Wall-clock time of `boot`. Times before the first entry use the first.
  [[nodiscard]] WallNs at(BootNs boot) const;

 private:
  explicit WallClock(const ClockSource& clocks) : clocks_(&clocks) {}

  Status arm();
  [[nodiscard]] bool take_cancellation();
  [[nodiscard]] ClockEntry measure() const;

  const ClockSource* clocks_;
  UniqueFd timer_;
  std::vector<ClockEntry> table_;  // ordered by boot, bounded
  std::int64_t slept_ns_ = 0;      // boot minus monotonic at the latest check
};

}  // namespace alibi::recorder
