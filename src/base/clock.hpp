#pragma once
// Two clocks that must never be mixed, as two types.
//
// BootNs: CLOCK_BOOTTIME, nanoseconds since this boot, runs on during suspend,
//   never steps. What kernel programs stamp (bpf_ktime_get_boot_ns, Linux 5.8).
// WallNs: CLOCK_REALTIME, nanoseconds since 1970-01-01 UTC, may step.
//
// The wall time of a record is its BootNs plus an offset that was measured and
// recorded (kind `clock`), never a second reading of the wall clock.

#include <time.h>

#include <compare>
#include <cstdint>

namespace alibi {

struct BootNs {
  std::uint64_t ns = 0;
  auto operator<=>(const BootNs&) const = default;
};

struct WallNs {
  std::int64_t ns = 0;
  auto operator<=>(const WallNs&) const = default;
};

inline std::int64_t read_clock_ns(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

inline BootNs boot_now() { return {static_cast<std::uint64_t>(read_clock_ns(CLOCK_BOOTTIME))}; }
inline WallNs wall_now() { return {read_clock_ns(CLOCK_REALTIME)}; }

}  // namespace alibi
