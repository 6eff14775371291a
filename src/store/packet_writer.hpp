#pragma once
// Appends packets to the packet log of one directory: numbers them, writes
// them, begins new files. docs/packet-format.md.
//
// Packets are in the page cache when append() returns: they survive kill -9.
// They are synced when their file is closed; what a power loss takes is told by
// the numbers. Where the log is sealed, they are synced every second, and after
// 4 MiB, as blocks to be sealed. Closed files are packed and deleted by the Packer of the log.
//
// Thread: the store thread, under the lock that LogWriter holds.

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "event/record.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/log_writer.hpp"
#include "store/packet_batch.hpp"
#include "store/sealing.hpp"

namespace alibi::store {

struct PacketTotals {
  std::uint64_t packets = 0;  ///< written by this run
  std::uint64_t refused = 0;  ///< the disk did not take them
  std::string fault;          ///< what the disk is refusing now, or empty
};

class PacketWriter {
 public:
  /// Sets aside what a crash left at the end of the newest file and continues
  /// the numbering in a new one. Errors: Io, Denied.
  /// `sealing`, which may be null, outlives the writer.
  static Result<std::unique_ptr<PacketWriter>> open(const Layout& layout, Limits limits,
                                                    Disk& disk = real_disk(),
                                                    Sealing* sealing = nullptr);
  virtual ~PacketWriter() = default;

  /// Extra pairs of a `recovery` record; empty: the end was a clean one.
  [[nodiscard]] virtual const event::Extra& recovery_note() const = 0;

  /// All packets of the batch or, on Io, none: they are counted, and told as
  /// dropped with the next packet that is written. So are those that a sync for
  /// the seal could not make durable; their numbers are given again.
  virtual Status append(const PacketBatch& batch) = 0;
  /// Begins a new file, or cuts a block to be sealed, when one is due.
  virtual void tick(BootNs now) = 0;
  [[nodiscard]] virtual PacketTotals totals() const = 0;
  virtual Status close() = 0;
  /// Number of the last packet in the log; 0: none.
  [[nodiscard]] virtual std::uint64_t last_number() const = 0;
};

}  // namespace alibi::store
