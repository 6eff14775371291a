#pragma once
// How far each file of the log is sealed, and what else the leaves tell that the
// sealer must know to go on. Follows from the leaves alone; a file in secret/
// remembers it up to some epoch, so that a start need not read a year of leaves.
// Thread: one per object.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "seal/leaf.hpp"

namespace alibi::seal {

using SegmentId = std::pair<Stream, std::uint64_t>;

/// Of a file whose plain form may still be there.
struct Position {
  std::uint64_t blocks = 0;
  std::uint64_t offset = 0;  ///< where the sealed part ends
  bool has_segment_leaf = false;
};

struct Positions {
  std::uint64_t size = 0;          ///< leaves that are counted in
  std::uint64_t epoch = 0;         ///< of the next leaf
  std::uint64_t epoch_leaves = 0;  ///< of that epoch, so far
  bool is_ended = true;            ///< the last run has told its end
  std::uint64_t last_event = 0;    ///< sealed
  std::uint64_t last_packet = 0;
  std::map<SegmentId, Position> segments;

  /// The last leaf.
  std::string boot_id;
  BootNs boot;
  WallNs time;
  std::optional<std::uint64_t> ended_epoch;  ///< it ended this one
  std::string next_key;                      ///< and named this key

  /// Counts the next leaf in. Errors: Corrupt.
  Status add(const Leaf& leaf);

  /// As text; can be used where the last leaf ended an epoch.
  [[nodiscard]] std::string to_text() const;
  /// Empty for anything but what to_text gives.
  static std::optional<Positions> from_text(std::string_view text);
};

}  // namespace alibi::seal
