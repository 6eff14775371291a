#pragma once
// Appends records to the log of one directory: numbers them, writes them,
// makes them durable, cuts blocks and segments. Layout: docs/log-format.md.
//
//   open -> append* -> (commit)* -> close
//             \__ kill -9 or power loss here: the next open() recovers
//
// Thread: one, the store thread. It may block on the disk for as long as the
// disk likes; the drain thread never waits for it (recorder/pipeline.hpp).
//
// Closed segments are handed to a Packer (own thread, idle priority) that
// compresses them, writes their filters and enforces the disk budget.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "event/record.hpp"
#include "store/disk.hpp"
#include "store/sealing.hpp"

namespace alibi::store {

struct Limits {
  std::uint64_t segment_bytes = 64ULL << 20;  ///< CSV bytes after which a new segment begins
  std::uint64_t segment_seconds =
      24 * 3600;  ///< age after which a new segment begins; also at 00:00 UTC
  std::uint64_t block_bytes = 256ULL << 10;  ///< a block is cut at this many bytes ...
  std::uint32_t block_lines = 4096;          ///< ... or lines ...
  std::uint32_t block_ms = 1000;             ///< ... or milliseconds, whichever is first
  std::uint64_t budget_bytes =
      10ULL << 30;  ///< closed segments beyond this are deleted, oldest first; 0: no limit
  std::uint32_t budget_days = 0;  ///< closed segments older than this are deleted; 0: no limit
  std::uint64_t packet_segment_bytes = 64ULL << 20;  ///< of a file of packets, before packing
  std::uint64_t packet_budget_bytes =
      2ULL << 30;  ///< closed files of packets beyond this go; 0: no limit
  std::uint64_t reserve_bytes = 16ULL << 20;  ///< file kept to be able to write about a full disk
};

/// What recovery found in the log before this run. LogWriter::replay gives the
/// records themselves.
struct Recovered {
  std::uint64_t last_seq = 0;       ///< 0: the log is empty
  std::string boot_id;              ///< of the newest segment
  bool was_clean = true;            ///< the last record was recorder_stop
  std::uint64_t torn_bytes = 0;     ///< moved to quarantine/
  std::filesystem::path torn_file;  ///< where they are, empty if none
};

struct Totals {
  std::uint64_t records = 0;  ///< written by this run
  std::uint64_t refused =
      0;  ///< could not be written (disk full, I/O error), counted, reported by `loss`
  std::uint64_t disk_bytes = 0;  ///< size of the whole log directory
  std::uint64_t segments = 0;
  std::string fault;  ///< "" or what the disk is refusing now
};

class LogWriter {
 public:
  /// Takes the directory's lock, recovers what a crash left, and continues the
  /// numbering. Creates `directory` (0700) when its parent exists.
  /// Errors: Denied (another recorder holds the lock: the message names its
  /// pid; or not permitted), Io (read-only, full), Corrupt (newest segment's
  /// header does not parse).
  /// `disk` must outlive the writer. An unclean end of the run before becomes a
  /// `recovery` record, written before the first record appended.
  /// `sealing`, which may be null, outlives the writer. In a directory with an
  /// identity nothing is packed or deleted without it.
  static Result<std::unique_ptr<LogWriter>> open(const std::filesystem::path& directory,
                                                 const std::string& boot_id, Limits limits,
                                                 Disk& disk = real_disk(),
                                                 Sealing* sealing = nullptr);
  virtual ~LogWriter() = default;

  /// What was given to open(); null where it refused to begin.
  [[nodiscard]] virtual Sealing* sealing() const = 0;

  [[nodiscard]] virtual const Recovered& recovered() const = 0;

  /// Calls `visit` for every whole record of the unfinished segment, in order,
  /// so that the caller can restore its state (process table, ring positions).
  /// Nothing when that segment is of another boot. To be called before the
  /// first append. Errors: Io.
  virtual Status replay(std::move_only_function<void(const event::Record&)> visit) = 0;

  /// Extra pairs for the `segment` record at the head of each new segment, and
  /// the records repeated after it (live processes, open flows), asked for at
  /// the moment a segment begins. Carried records have no process_seq; carried
  /// `process` records get `records=`, the count so far, instead.
  struct SegmentHead {
    event::Extra positions;
    std::vector<event::Record> carried;
    std::string host;          ///< whose records these are; empty: this machine's
    std::optional<BootNs> at;  ///< when the segment begins on the clock of its records; empty: now
  };
  virtual void on_new_segment(std::move_only_function<SegmentHead()> make_head) = 0;

  /// Numbers (`seq`, `process_seq`) and writes the records with write(2) in
  /// order. When it returns ok they survive kill -9, not yet power loss.
  /// On Io none of them is in the log and no number is used up: they are
  /// counted as refused, and a `loss` record with reason disk_full or
  /// disk_error and the exact count is the first thing written when the disk
  /// accepts again. An exit record with process_seq gets `records=` in extra.
  virtual Status append(std::span<event::Record> records) = 0;

  /// To be called at least every 100 ms: cuts a block when one is due
  /// (fdatasync) and rotates when a segment is due. The first call starts the
  /// thread that packs and deletes, with the privileges of the caller.
  virtual Status tick(BootNs now) = 0;

  /// Forgets the record counter of a process that is gone, and returns its
  /// final count.
  virtual std::uint64_t forget(event::ProcessKey process) = 0;

  [[nodiscard]] virtual Totals totals() const = 0;

  /// Cuts the last block; the segment stays open for the next run to continue.
  virtual Status close() = 0;

  /// After close(), and after the packets are closed: nothing more is written by this process. An
  /// encrypted log's open files are packed and encrypted as well; what cannot be, stays as blocks
  /// in live/. Takes seconds. Nothing to do for other logs.
  virtual void pack_rest() = 0;
};

}  // namespace alibi::store
