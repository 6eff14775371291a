#include "store/retention.hpp"

#include <fcntl.h>

#include "store/encrypted_files.hpp"
#include "store/index_file.hpp"

namespace alibi::store {
namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;

/// False when its age cannot be told. That of an encrypted segment is that of its file.
bool is_older_than(Disk& disk, const Layout& layout, const SegmentFiles& segment, WallNs limit) {
  if (segment.has_encrypted) {
    const auto written = last_written(disk, layout, SealStream::Events, segment.first_seq);
    return written && written->ns < limit.ns;
  }
  const auto packed = disk.open(layout.packed(segment.first_seq), O_RDONLY);
  if (!packed) return false;
  const auto bytes = disk.size(packed->get());
  if (!bytes) return false;
  const auto index = Index::open(disk, layout.index(segment.first_seq), *bytes);
  return index && index->head().to_ns < limit.ns;
}

}  // namespace

event::Extra Retention::to_extra() const {
  if (is_of_packets)
    return {{"files", std::to_string(segments.size())},
            {"packets", std::to_string(records)},
            {"bytes", std::to_string(bytes)},
            {"rule", rule},
            {"first_packet", std::to_string(segments.front())},
            {"last_packet", std::to_string(last_seq)}};
  return {{"segments", std::to_string(segments.size())},
          {"records", std::to_string(records)},
          {"bytes", std::to_string(bytes)},
          {"rule", rule},
          {"first_seq", std::to_string(segments.front())},
          {"last_seq", std::to_string(last_seq)}};
}

Retention plan_retention(Disk& disk, const Layout& layout,
                         const std::vector<SegmentFiles>& segments, const Limits& limits,
                         WallNs now) {
  Retention plan;
  if (segments.size() < 2) return plan;
  std::uint64_t closed_bytes = 0;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i)
    closed_bytes += segments[i].bytes;
  const WallNs oldest{now.ns - static_cast<std::int64_t>(limits.budget_days) * kDayNs};
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const bool is_too_much = limits.budget_bytes != 0 && closed_bytes > limits.budget_bytes;
    const bool is_too_old =
        limits.budget_days != 0 && is_older_than(disk, layout, segments[i], oldest);
    if (!is_too_much && !is_too_old) break;
    if (plan.segments.empty()) plan.rule = is_too_much ? "bytes" : "days";
    plan.segments.push_back(segments[i].first_seq);
    plan.records += segments[i + 1].first_seq - segments[i].first_seq;
    plan.bytes += segments[i].bytes;
    plan.last_seq = segments[i + 1].first_seq - 1;
    closed_bytes -= segments[i].bytes;
  }
  return plan;
}

Status delete_segments(Disk& disk, const Layout& layout,
                       const std::vector<std::uint64_t>& segments) {
  for (const auto first_seq : segments) {
    if (auto done = remove_encrypted(disk, layout, SealStream::Events, first_seq); !done)
      return done;
    for (const auto& path : {layout.index(first_seq), layout.packed(first_seq),
                             layout.csv(first_seq), layout.blocks(first_seq)}) {
      const auto removed = disk.remove(path);
      if (!removed && removed.error().code != Errc::NotFound) return removed;
    }
  }
  return disk.sync_directory(layout.events());
}

}  // namespace alibi::store
