#pragma once
// The perf side band: executable mappings, BPF program loads, namespaces, and a
// second, independent copy of fork, exec and exit (docs/decisions on 7.x
// kernels, where a tracepoint program can be skipped in silence).
//
// One dummy software event per online CPU, each with its own buffer, stamped
// with CLOCK_BOOTTIME. Records of one CPU come in order; order between CPUs is
// the caller's business (merge by time with a window of 100 ms).
//
// Not thread-safe: everything is called by the thread that drains. Nothing
// blocks. Needs CAP_PERFMON (or CAP_SYS_ADMIN) and, for buffers above
// kernel.perf_event_mlock_kb, CAP_IPC_LOCK.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "recorder/perf_record.hpp"

namespace alibi::recorder::perf {

class Ring;

class PerfSideBand {
 public:
  /// What the kernel offers; what it lacks is left out and said in `remark`.
  struct Features {
    bool has_build_id = true;    ///< Linux 5.12; else device and inode
    bool has_cgroup = true;      ///< Linux 5.7 with CONFIG_CGROUP_PERF
    bool has_exact_loss = true;  ///< Linux 6.0; else only what LOST records say
  };

  /// `pages` of 4 KiB for each CPU, a power of two, at least 2. Wakes the poll
  /// descriptors when a quarter of a buffer is filled; a caller that wants
  /// records sooner drains on a timer.
  ///
  /// Errors: Usage (`pages`), Denied, Unsupported, Io.
  [[nodiscard]] static Result<PerfSideBand> open(std::uint32_t pages);

  PerfSideBand(PerfSideBand&&) noexcept;
  PerfSideBand& operator=(PerfSideBand&&) noexcept;
  ~PerfSideBand();

  [[nodiscard]] const Features& features() const { return features_; }

  /// Descriptors to poll for POLLIN; changes after refresh() returned > 0.
  [[nodiscard]] std::vector<int> poll_fds() const;

  /// Remembers how far each buffer is filled now: the next drain ends there. A
  /// caller that reads other sources between mark and drain then knows more of
  /// the processes than the records here can tell of.
  void mark();

  using OnRecord = std::function<void(const Record&)>;
  /// Hands over what every buffer held at the last mark(), Ignored ones left
  /// out, and frees the room. Returns the number of records read.
  std::size_t drain(const OnRecord& on_record);

  /// Records the kernel had to drop since open(), over all CPUs; exact where
  /// has_exact_loss, else the sum of the Lost records drained so far.
  [[nodiscard]] std::uint64_t lost() const;

  /// Opens buffers for CPUs that came online and retires those of CPUs that
  /// went offline (drain first: what they still hold is dropped and counted in
  /// nothing). Call once a second. Returns how many buffers were opened: what
  /// happened on such a CPU between its coming online and now is not covered.
  Result<std::size_t> refresh();

  [[nodiscard]] std::size_t cpu_count() const { return rings_.size(); }

 private:
  PerfSideBand(std::uint32_t pages, Features features);

  std::uint32_t pages_ = 0;
  Features features_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::uint64_t lost_in_records_ = 0;
  std::uint64_t lost_in_retired_ = 0;
  std::vector<std::byte> scratch_;
};

/// "0-2,5" -> {0,1,2,5}; the format of /sys/devices/system/cpu/online. Stops at
/// the first thing that is not of that form.
[[nodiscard]] std::vector<std::uint32_t> parse_cpu_list(std::string_view text);

}  // namespace alibi::recorder::perf
