#include "store/recovery.hpp"

#include <fcntl.h>

#include <algorithm>
#include <ranges>

#include "store/blocks.hpp"
#include "store/packed_file.hpp"
#include "store/quarantine.hpp"
#include "store/survey.hpp"

namespace alibi::store {
namespace {

/// Leftovers that carry nothing: half-written temporaries, and the .csv of a
/// segment whose packed form is complete (it was verified before its rename).
Status remove_leftovers(Disk& disk, const Layout& layout, bool keeps_plain) {
  const auto entries = disk.list(layout.events());
  if (!entries) return std::unexpected(entries.error());
  for (const auto& entry : *entries) {
    if (!entry.name.ends_with(".tmp")) continue;
    if (auto done = disk.remove(layout.events() / entry.name); !done) return done;
  }
  const auto live = layout.is_encrypted() ? disk.list(layout.live()) : std::vector<Disk::Entry>{};
  if (!live) return std::unexpected(live.error());
  for (const auto& entry : *live) {
    if (!entry.name.ends_with(".tmp")) continue;
    if (auto done = disk.remove(layout.live() / entry.name); !done) return done;
  }
  if (keeps_plain) return {};
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
  Recoverer(Disk& disk, const Layout& layout, const std::string& boot_id, bool keeps_plain,
            const std::function<void(const event::Record&)>& visit)
      : disk_(disk), layout_(layout), boot_id_(boot_id), keeps_plain_(keeps_plain), visit_(visit) {}

  Result<Recovery> run() {
    if (auto done = remove_leftovers(disk_, layout_, keeps_plain_); !done)
      return std::unexpected(done.error());
    auto segments = list_segments(disk_, layout_);
    if (!segments) return std::unexpected(segments.error());
    // Newest first, until one tells what the last record was.
    for (const auto& segment : std::views::reverse(*segments)) {
      // The seal knows what number such a one ends with.
      if (!segment.has_csv && !segment.has_packed) break;
      const auto found =
          segment.has_packed ? take_packed(segment.first_seq) : take_csv(segment.first_seq);
      if (!found) return std::unexpected(found.error());
      if (*found) break;
    }
    describe();
    return std::move(result_);
  }

 private:
  /// False when it holds no record.
  Result<bool> take_csv(std::uint64_t first_seq) {
    bool is_this_boot = false;
    const auto survey = survey_segment(disk_, layout_, first_seq, [&](const event::Record& record) {
      if (record.kind == event::Kind::Segment)
        is_this_boot = record.find_extra("boot_id") == boot_id_;
      if (is_this_boot) visit_(record);
    });
    if (!survey) return std::unexpected(survey.error());
    const auto torn = move_torn_tail(disk_, layout_, layout_.csv(first_seq), survey->good_bytes);
    if (!torn) return std::unexpected(torn.error());
    Recovered& found = result_.found;
    found.torn_bytes += torn->bytes;
    if (torn->bytes != 0) found.torn_file = torn->kept_in;
    if (survey->records == 0) return drop_empty(first_seq);
    found.last_seq = survey->last_seq;
    found.boot_id = survey->boot_id;
    found.was_clean = survey->was_stopped && found.torn_bytes == 0;
    const auto blocks = load_blocks(disk_, layout_, first_seq, survey->good_bytes);
    if (!blocks) return std::unexpected(blocks.error());
    std::uint64_t blocked_bytes = 0;
    for (const auto& block : *blocks)
      blocked_bytes += block.bytes;
    adopted_bytes_ = survey->good_bytes - blocked_bytes;
    if (is_this_boot) result_.open = Recovery::Open{first_seq, survey->good_bytes, blocked_bytes};
    return true;
  }

  Result<bool> drop_empty(std::uint64_t first_seq) {
    // The name alone says which numbers were used before.
    result_.found.last_seq = first_seq - 1;
    result_.found.was_clean = false;
    if (auto done = disk_.remove(layout_.csv(first_seq)); !done)
      return std::unexpected(done.error());
    (void)disk_.remove(layout_.blocks(first_seq));
    return false;
  }

  Result<bool> take_packed(std::uint64_t first_seq) {
    const auto last = last_record_of(disk_, layout_, first_seq);
    if (!last) return std::unexpected(last.error());
    result_.found.last_seq = std::max(result_.found.last_seq, last->seq);
    result_.found.was_clean =
        last->kind == event::Kind::RecorderStop && result_.found.torn_bytes == 0;
    return true;
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
  bool keeps_plain_;
  const std::function<void(const event::Record&)>& visit_;
  Recovery result_;
  std::uint64_t adopted_bytes_ = 0;
};

}  // namespace

Result<Recovery> recover(Disk& disk, const Layout& layout, const std::string& boot_id,
                         bool keeps_plain, const std::function<void(const event::Record&)>& visit) {
  return Recoverer(disk, layout, boot_id, keeps_plain, visit).run();
}

}  // namespace alibi::store
