#pragma once
// The segment being written: lines go in at the end, blocks are cut, a sync
// makes them durable. docs/log-format.md sections 3 and 4.
//
// Thread: the store thread. Keeps a copy of every line since the last sync, so
// that lines survive a disk that loses them at the sync.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "store/block_account.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/log_writer.hpp"

namespace alibi::store {

class SegmentFile {
 public:
  /// Creates the file with `head` (header line, `segment` record, carried
  /// records) and `lines` of an abandoned segment, durable including its name.
  /// On errors nothing remains; where the name can be neither synced nor
  /// removed again the file is used, and its lines are unsynced.
  /// `sealing`, which may be null, hears of each block that is durable.
  static Result<SegmentFile> create(Disk& disk, const Layout& layout, std::uint64_t first_seq,
                                    std::string_view head, std::string_view lines,
                                    Sealing* sealing);
  /// Continues a file of `bytes` bytes, all whole lines and durable, of which
  /// the first `blocked_bytes` already belong to recorded blocks.
  static Result<SegmentFile> resume(Disk& disk, const Layout& layout, std::uint64_t first_seq,
                                    std::uint64_t bytes, std::uint64_t blocked_bytes,
                                    const Limits& limits);

  /// Writes whole lines: all or none. After an error `is_sound` tells whether
  /// the file can still be used.
  Status append(std::string_view lines, const Limits& limits, BootNs now);

  /// Ends the block, makes all lines durable, records where blocks ended.
  /// After an error the file must be abandoned: a second sync can succeed
  /// although the bytes are gone.
  Status sync();

  /// `sealing` hears of what is written from now on. All lines are durable.
  void seal_from_here(Sealing& sealing);

  [[nodiscard]] bool is_sync_due(BootNs now, const Limits& limits) const;
  [[nodiscard]] bool has_durable_name() const { return unsynced_directory_.empty(); }
  [[nodiscard]] bool is_sound() const { return is_sound_; }
  [[nodiscard]] std::uint64_t first_seq() const { return first_seq_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Lines since the last sync.
  [[nodiscard]] const std::string& unsynced() const { return unsynced_; }

 private:
  SegmentFile(Disk& disk, UniqueFd fd, UniqueFd blocks, std::uint64_t first_seq)
      : disk_(&disk), fd_(std::move(fd)), blocks_(std::move(blocks)), first_seq_(first_seq) {}
  void count_lines(std::string_view lines, const Limits& limits);
  void cut_block();
  Status sync_name();
  void note_synced();

  Disk* disk_;
  UniqueFd fd_;
  UniqueFd blocks_;
  std::uint64_t first_seq_;
  std::uint64_t bytes_ = 0;
  bool is_sound_ = true;
  Disk::Path unsynced_directory_;  ///< empty: the name of the file is durable
  std::string unsynced_;
  BootNs unsynced_since_;
  std::uint64_t block_bytes_ = 0;  ///< of the block being filled
  std::uint32_t block_lines_ = 0;
  std::string cuts_;  ///< lines for the .blocks file, not yet written
  Sealing* sealing_ = nullptr;
  std::optional<BlockAccount> account_;  ///< of the block being filled
  std::vector<SyncedBlock> cut_;         ///< not yet durable
  BootNs synced_at_;
};

}  // namespace alibi::store
