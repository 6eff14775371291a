#include "store/recovery.hpp"

#include <fcntl.h>

#include <algorithm>

#include "store/blocks.hpp"
#include "store/packed_file.hpp"
#include "store/quarantine.hpp"
#include "store/survey.hpp"

namespace alibi::store {
namespace {

/// Leftovers that carry nothing: half-written temporaries, and the .csv of a
/// segment whose packed form is complete (it was verified before its rename).
Status remove_leftovers(Disk& disk, const Layout& layout) {
  const auto entries = disk.list(layout.events());
  if (!entries) return std::unexpected(entries.error());
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(".tmp")) continue;
    if (auto done = disk.remove(layout.events() / entry.name); !done) return done;
  }
  const auto segments = list_segments(disk, layout);
  if (!segments) return std::unexpected(segments.error());
  for (const auto& segment : *segments) {
    if (!segment.has_csv || !segment.has_packed) continue;
    if (auto done = disk.remove(layout.csv(segment.first_seq)); !done) return done;
    (void)disk.remove(layout.blocks(segment.first_seq));
  }
  return {};
}

class Recoverer {
 public:
  Recoverer(Disk& disk, const Layout& layout, const std::string& boot_id,
            const std::function<void(const event::Record&)>& visit)
      : disk_(disk), layout_(layout), boot_id_(boot_id), visit_(visit) {}

  Result<Recovery> run() {
    if (auto done = remove_leftovers(disk_, layout_); !done) return std::unexpected(done.error());
    auto segments = list_segments(disk_, layout_);
    if (!segments) return std::unexpected(segments.error());
    bool is_newest = true;
    while (!segments->empty()) {
      const SegmentFiles newest = segments->back();
      segments->pop_back();
      const auto taken =
          newest.has_csv ? take_csv(newest, is_newest) : take_packed(newest, is_newest);
      if (!taken) return std::unexpected(taken.error());
      if (*taken == Taken::Enough) break;
      if (*taken == Taken::AlsoBefore) is_newest = false;
    }
    for (const auto& segment : *segments) {
      if (segment.has_csv) result_.to_pack.push_back(segment.first_seq);
    }
    std::ranges::sort(result_.to_pack);
    std::ranges::reverse(result_.replay);
    describe();
    return std::move(result_);
  }

 private:
  enum class Taken { Enough, AlsoBefore, Nothing };

  Result<Taken> take_csv(const SegmentFiles& segment, bool is_newest) {
    bool is_this_boot = false;
    const auto survey =
        survey_segment(disk_, layout_, segment.first_seq, [&](const event::Record& record) {
          if (record.kind == event::Kind::Segment)
            is_this_boot = record.find_extra("boot_id") == boot_id_;
          if (is_this_boot) visit_(record);
        });
    if (!survey) return std::unexpected(survey.error());
    const std::uint64_t keep = survey->records == 0 ? 0 : survey->good_bytes;
    if (is_newest) {
      const auto torn = set_aside(segment, *survey, keep);
      if (!torn) return std::unexpected(torn.error());
    }
    if (survey->records == 0) return drop_empty(segment);
    if (is_newest) {
      result_.found.last_seq = survey->last_seq;
      result_.found.boot_id = survey->boot_id;
      result_.found.was_clean = survey->was_stopped && result_.found.torn_bytes == 0;
      if (auto done = note_blocks(segment.first_seq, keep); !done)
        return std::unexpected(done.error());
    }
    if (survey->boot_id != boot_id_) {
      result_.to_pack.push_back(segment.first_seq);
      return Taken::Enough;
    }
    result_.replay.push_back(segment.first_seq);
    if (!is_newest || !survey->is_head_whole) {
      result_.to_pack.push_back(segment.first_seq);
      // A head cut short does not tell the state; the segment before it does.
      return survey->is_head_whole ? Taken::Enough : Taken::AlsoBefore;
    }
    result_.open = Recovery::Open{segment.first_seq, keep, blocked_bytes_};
    return Taken::Enough;
  }

  Status set_aside(const SegmentFiles& segment, const Survey& survey, std::uint64_t keep) {
    // A header alone is not worth keeping.
    if (survey.records == 0 && survey.good_bytes == segment_bytes(segment)) return {};
    const auto torn = move_torn_tail(disk_, layout_, segment.first_seq, keep);
    if (!torn) return std::unexpected(torn.error());
    result_.found.torn_bytes += torn->bytes;
    if (!torn->kept_in.empty()) result_.found.torn_file = torn->kept_in;
    return {};
  }

  std::uint64_t segment_bytes(const SegmentFiles& segment) {
    const auto fd = disk_.open(layout_.csv(segment.first_seq), O_RDONLY);
    return fd ? disk_.size(fd->get()).value_or(0) : 0;
  }

  Result<Taken> drop_empty(const SegmentFiles& segment) {
    // The name alone says which numbers were used before.
    result_.found.last_seq = std::max(result_.found.last_seq, segment.first_seq - 1);
    if (auto done = disk_.remove(layout_.csv(segment.first_seq)); !done)
      return std::unexpected(done.error());
    (void)disk_.remove(layout_.blocks(segment.first_seq));
    return Taken::Nothing;
  }

  Status note_blocks(std::uint64_t first_seq, std::uint64_t keep) {
    const auto blocks = load_blocks(disk_, layout_, first_seq, keep);
    if (!blocks) return std::unexpected(blocks.error());
    for (const auto& block : *blocks)
      blocked_bytes_ += block.bytes;
    adopted_bytes_ = keep - blocked_bytes_;
    return {};
  }

  Result<Taken> take_packed(const SegmentFiles& segment, bool is_newest) {
    if (!is_newest) return Taken::Enough;
    const auto last = last_record_of(disk_, layout_, segment.first_seq);
    if (!last) return std::unexpected(last.error());
    result_.found.last_seq = std::max(result_.found.last_seq, last->seq);
    result_.found.was_clean =
        last->kind == event::Kind::RecorderStop && result_.found.torn_bytes == 0;
    return Taken::Enough;
  }

  void describe() {
    const Recovered& found = result_.found;
    if (found.was_clean || (found.last_seq == 0 && found.torn_bytes == 0)) return;
    result_.note = {{"last_seq", std::to_string(found.last_seq)},
                    {"boot_id", found.boot_id},
                    {"adopted_bytes", std::to_string(adopted_bytes_)},
                    {"torn_bytes", std::to_string(found.torn_bytes)}};
    if (!found.torn_file.empty())
      result_.note.emplace_back("torn_file", found.torn_file.filename().string());
  }

  Disk& disk_;
  const Layout& layout_;
  const std::string& boot_id_;
  const std::function<void(const event::Record&)>& visit_;
  Recovery result_;
  std::uint64_t blocked_bytes_ = 0;
  std::uint64_t adopted_bytes_ = 0;
};

}  // namespace

Result<Recovery> recover(Disk& disk, const Layout& layout, const std::string& boot_id,
                         const std::function<void(const event::Record&)>& visit) {
  return Recoverer(disk, layout, boot_id, visit).run();
}

}  // namespace alibi::store
