#pragma once
// Holds the tracepoint programs against the perf side band: two copies of every
// fork, exec and exit, made by different parts of the kernel. What only the side
// band has was skipped (kernels 7.x skip a program that is active already on
// the CPU, and count it only in recursion_misses).
//
// Not thread-safe; drain thread. Bounded: entries live for about a second.

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <variant>

#include "base/clock.hpp"
#include "recorder/perf_record.hpp"

namespace alibi::recorder {

class SideBandCheck {
 public:
  enum class What : std::uint8_t { Fork, Exec, Exit };

  /// The side band counts from here on.
  void begin(BootNs now) { begin_ = now; }
  [[nodiscard]] BootNs begin_time() const { return begin_; }

  void saw_program(What what, std::uint32_t pid, BootNs when) { note(what, pid, when, -1); }
  void saw_perf(const perf::NewProcess& fork);
  void saw_perf(const perf::Exec& exec);
  void saw_perf(const perf::EndedTask& exit);

  struct Missed {
    What what;
    std::uint32_t pid;
    std::uint32_t parent_pid;  ///< of a fork
    BootNs boot;
  };
  /// What the programs have not told `kPatienceNs` after perf did.
  void take_missed(BootNs now, const std::function<void(const Missed&)>& missed);

  [[nodiscard]] std::uint64_t missed_total() const { return missed_total_; }

 private:
  static constexpr std::uint64_t kPatienceNs = 1'000'000'000;
  static constexpr std::size_t kMaxPending = 200'000;

  struct Balance {
    std::int32_t count = 0;  ///< perf minus program
    std::uint32_t parent_pid = 0;
    BootNs when;
  };
  void note(What what, std::uint32_t pid, BootNs when, int delta, std::uint32_t parent_pid = 0);

  BootNs begin_{~0ULL};
  std::unordered_map<std::uint64_t, Balance> balances_;  // what << 32 | pid
  std::uint64_t missed_total_ = 0;
};

}  // namespace alibi::recorder
