#pragma once
// What stands in the files of the log and in no block of the seal, because the
// recorder before died, or was not sealing. docs/seal-format.md section 8.
// Thread: the one that opens the log; the lock is held.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "seal/positions.hpp"
#include "seal/seal_layout.hpp"
#include "store/disk.hpp"
#include "store/sealing.hpp"

namespace alibi::seal {

/// The end of one plain file.
struct Unsealed {
  SegmentId segment;
  std::uint64_t offset = 0;  ///< where the sealed part ends
  std::uint64_t torn_bytes = 0;
  std::string torn_sha256;  ///< hex; empty: nothing is torn
  std::vector<store::SyncedBlock> blocks;

  [[nodiscard]] std::uint64_t bytes() const;
};

/// Oldest first, events before packets; what is returned is durable. Errors: Io;
/// Corrupt when a file is shorter than its sealed part.
[[nodiscard]] Result<std::vector<Unsealed>> find_unsealed(store::Disk& disk,
                                                          const SealLayout& layout,
                                                          const Positions& positions,
                                                          std::uint64_t first_event,
                                                          std::uint64_t first_packet);

}  // namespace alibi::seal
