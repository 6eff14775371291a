#include "store/segment_file.hpp"

#include <fcntl.h>

#include <utility>

#include "store/blocks.hpp"

#include "store/chunks.hpp"

namespace alibi::store {
namespace {

/// Lines are synced when a block is as old as it may be, or when this many
/// blocks wait: a burst then costs one sync per 4 MiB, not one per block.
constexpr std::uint64_t kMaxUnsyncedBlocks = 16;
/// What is urgent does not wait for its block to grow old, but comes no more
/// often than this.
constexpr std::uint64_t kUrgentSyncNs = 250'000'000;

}  // namespace

Result<SegmentFile> SegmentFile::create(Disk& disk, const Layout& layout, std::uint64_t first_seq,
                                        std::string_view head, std::string_view lines,
                                        Sealing* sealing) {
  const auto path = layout.csv(first_seq);
  const Disk::Path temporary = path.string() + ".tmp";
  const auto make = [&]() -> Result<SegmentFile> {
    auto fd = disk.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    if (!fd) return std::unexpected(fd.error());
    auto blocks = disk.open(layout.blocks(first_seq), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    if (!blocks) return std::unexpected(blocks.error());
    SegmentFile file(disk, std::move(*fd), std::move(*blocks), first_seq);
    const std::string text = std::string(head) + std::string(lines);
    if (auto done = write_all(disk, file.fd_.get(), text); !done)
      return std::unexpected(done.error());
    if (sealing) {
      file.sealing_ = sealing;
      file.account_.emplace(SealStream::Events, first_seq, 0);
    }
    file.bytes_ = text.size();
    file.count_lines(text, {});
    file.cut_block();
    if (auto done = disk.sync_data(file.fd_.get()); !done) return std::unexpected(done.error());
    // Under its name only with a whole head: whoever lists the directory may
    // take the segment before it for finished.
    if (auto done = disk.rename(temporary, path); !done) return std::unexpected(done.error());
    if (auto done = disk.sync_directory(layout.events()); !done) {
      if (disk.remove(path)) return std::unexpected(done.error());
      // A reader would take a head that stays behind for a segment of its own.
      file.unsynced_directory_ = layout.events();
      file.unsynced_ = lines;
      file.unsynced_since_ = boot_now();
      return file;
    }
    file.note_synced();
    return file;
  };
  auto file = make();
  if (!file) {
    (void)disk.remove(temporary);
    (void)disk.remove(layout.blocks(first_seq));
    return during("begin segment " + path.string(), file.error());
  }
  return file;
}

Result<SegmentFile> SegmentFile::resume(Disk& disk, const Layout& layout, std::uint64_t first_seq,
                                        std::uint64_t bytes, std::uint64_t blocked_bytes,
                                        const Limits& limits) {
  auto fd = disk.open(layout.csv(first_seq), O_RDWR | O_APPEND);
  if (!fd) return std::unexpected(fd.error());
  auto blocks = disk.open(layout.blocks(first_seq), O_WRONLY | O_CREAT | O_APPEND);
  if (!blocks) return std::unexpected(blocks.error());
  SegmentFile file(disk, std::move(*fd), std::move(*blocks), first_seq);
  file.bytes_ = bytes;
  ForwardChunks chunks(disk, file.fd_.get(), blocked_bytes);
  while (true) {
    const auto chunk = chunks.next();
    if (!chunk) return std::unexpected(chunk.error());
    if (chunk->text.empty()) break;
    file.count_lines(chunk->text, limits);
  }
  return file;
}

void SegmentFile::cut_block() {
  if (block_lines_ == 0) return;
  if (account_) cut_.push_back(account_->cut());
  append_block(cuts_, {block_bytes_, block_lines_});
  block_bytes_ = 0;
  block_lines_ = 0;
}

void SegmentFile::count_lines(std::string_view lines, const Limits& limits) {
  while (!lines.empty()) {
    const std::size_t length = lines.find('\n') + 1;
    block_bytes_ += length;
    ++block_lines_;
    if (account_) account_->add_line(lines.substr(0, length));
    if (block_bytes_ >= limits.block_bytes || block_lines_ >= limits.block_lines) cut_block();
    lines.remove_prefix(length);
  }
}

Status SegmentFile::append(std::string_view lines, const Limits& limits, BootNs now) {
  if (auto written = write_all(*disk_, fd_.get(), lines); !written) {
    const bool cut_back = disk_->truncate(fd_.get(), bytes_).has_value();
    is_sound_ = cut_back && is_full(written.error());
    return written;
  }
  bytes_ += lines.size();
  if (unsynced_.empty()) unsynced_since_ = now;
  unsynced_ += lines;
  count_lines(lines, limits);
  return {};
}

Status SegmentFile::sync() {
  cut_block();
  auto synced = sync_name();
  if (synced) synced = disk_->sync_data(fd_.get());
  if (!synced) {
    is_sound_ = false;
    return synced;
  }
  note_synced();
  return {};
}

Status SegmentFile::sync_name() {
  if (unsynced_directory_.empty()) return {};
  auto done = disk_->sync_directory(unsynced_directory_);
  if (done) unsynced_directory_.clear();
  return done;
}

void SegmentFile::seal_from_here(Sealing& sealing) {
  sealing_ = &sealing;
  account_.emplace(SealStream::Events, first_seq_, bytes_);
}

void SegmentFile::note_synced() {
  unsynced_.clear();
  synced_at_ = boot_now();
  // Only a note for whoever seals or packs the segment; lines without one are
  // cut again by size. So an error here is no error of the log.
  if (!cuts_.empty() && write_all(*disk_, blocks_.get(), cuts_)) cuts_.clear();
  if (!sealing_) return;
  for (const auto& block : std::exchange(cut_, {}))
    sealing_->block_synced(block);
  for (auto& record : account_->take_records())
    sealing_->record_synced(std::move(record));
  if (account_->is_urgent()) sealing_->urgent();
  account_->clear_urgent();
}

bool SegmentFile::is_sync_due(BootNs now, const Limits& limits) const {
  if (unsynced_.empty()) return false;
  if (account_ && account_->is_urgent() && now.ns >= synced_at_.ns + kUrgentSyncNs) return true;
  return unsynced_.size() >= kMaxUnsyncedBlocks * limits.block_bytes ||
         now.ns >= unsynced_since_.ns + limits.block_ms * 1'000'000ULL;
}

}  // namespace alibi::store
