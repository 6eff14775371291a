#pragma once
// Which segments the disk budget no longer has room for.

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "event/record.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/log_writer.hpp"

namespace alibi::store {

/// Segments to delete, oldest first. The record about it is written before the
/// files go, so that no number disappears without a word.
struct Retention {
  std::vector<std::uint64_t> segments;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t last_seq = 0;
  std::string rule;            ///< "bytes" or "days"
  bool is_of_packets = false;  ///< segments, records and last_seq count packets

  /// Of the `retention` record.
  [[nodiscard]] event::Extra to_extra() const;
};

/// `segments` oldest first; the newest is never deleted. `now` is wall time.
[[nodiscard]] Retention plan_retention(Disk& disk, const Layout& layout,
                                       const std::vector<SegmentFiles>& segments,
                                       const Limits& limits, WallNs now);
[[nodiscard]] Status delete_segments(Disk& disk, const Layout& layout,
                                     const std::vector<std::uint64_t>& segments);

}  // namespace alibi::store
