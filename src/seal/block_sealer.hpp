#pragma once
// Reads a durable block again and computes its root; keeps the seeds of salts.
// docs/seal-format.md sections 3, 4 and 8. Thread: one per object.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "seal/digest.hpp"
#include "seal/item.hpp"
#include "seal/positions.hpp"
#include "seal/seal_layout.hpp"
#include "store/disk.hpp"
#include "store/sealing.hpp"

namespace alibi::seal {

[[nodiscard]] inline Stream stream_of(store::SealStream stream) {
  return stream == store::SealStream::Events ? Stream::Events : Stream::Packets;
}
[[nodiscard]] inline store::SealStream stream_of(Stream stream) {
  return stream == Stream::Events ? store::SealStream::Events : store::SealStream::Packets;
}
[[nodiscard]] inline std::filesystem::path plain_path(const SealLayout& layout, SegmentId id) {
  return layout.seed(id.first, id.second)
      .replace_extension(id.first == Stream::Events ? ".csv" : ".pcapng");
}

class BlockSealer {
 public:
  BlockSealer(store::Disk& disk, SealLayout layout, std::string hideable,
              std::vector<std::string> recipients)
      : disk_(&disk),
        layout_(std::move(layout)),
        hideable_(std::move(hideable)),
        recipients_(std::move(recipients)) {}

  /// Of the block with this number in its segment. The first one makes the seed,
  /// durable. In an encrypted log the block is durable in live/ then. Errors: Corrupt when the
  /// bytes are not those that were written, or the seed is gone; Io.
  Result<Hash> root_of(const store::SyncedBlock& block, std::uint64_t number);

 private:
  struct Segment {
    UniqueFd fd;
    Seed seed{};
    Columns columns;
  };
  Result<Segment*> segment_of(SegmentId id, bool is_first_block);
  Result<Seed> seed_of(SegmentId id, bool may_make);

  store::Disk* disk_;
  SealLayout layout_;
  std::string hideable_;
  std::vector<std::string> recipients_;                       ///< none: the log is not encrypted
  std::map<Stream, std::pair<std::uint64_t, Segment>> open_;  ///< the latest of each stream
};

}  // namespace alibi::seal
