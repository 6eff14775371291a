#pragma once
// Leaves of the log's tree as lines of text: docs/seal-format.md section 5.
// Thread: any.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace alibi::seal {

inline constexpr std::size_t kLeafBytesMax = 4096;

enum class LeafType : std::uint8_t {
  Genesis,
  Start,
  Stop,
  Block,
  Epoch,
  Segment,
  Recovery,
  Clock,
  Loss,
  Fault,
  Retention,
  Receipt,
  Key,
  Note,
};
[[nodiscard]] std::string_view name_of(LeafType type);
[[nodiscard]] std::optional<LeafType> leaf_type_of(std::string_view name);

struct Leaf {
  LeafType type = LeafType::Note;
  std::string nonce;    ///< 22 characters
  std::string boot_id;  ///< 36 characters
  BootNs boot;
  WallNs time;
  std::vector<std::pair<std::string, std::string>> pairs;

  [[nodiscard]] const std::string* find(std::string_view key) const;
  /// A required number. Errors: Corrupt, naming the key.
  [[nodiscard]] Result<std::uint64_t> number(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> text(std::string_view key) const;
  /// One line with its LF. Values are cut where the leaf would be too long.
  [[nodiscard]] std::string to_line() const;
  /// A line with its LF. Errors: Corrupt; required keys are checked too.
  static Result<Leaf> from_line(std::string_view line);
};

/// A leaf made now, with a new nonce.
[[nodiscard]] Leaf make_leaf(LeafType type, std::string boot_id,
                             std::vector<std::pair<std::string, std::string>> pairs);

enum class Stream : std::uint8_t { Events, Packets };
[[nodiscard]] std::string_view name_of(Stream stream);

/// What a `block` leaf says.
struct BlockLeaf {
  Stream stream = Stream::Events;
  std::uint64_t segment = 0;  ///< number in the file's name
  std::uint64_t block = 0;    ///< in the segment, from 0
  std::uint64_t offset = 0;   ///< in the plain file
  std::uint64_t bytes = 0;
  std::uint64_t items = 0;
  std::uint64_t first = 0;  ///< number of the first record or packet; 0: none
  std::uint64_t last = 0;
  WallNs from;
  WallNs to;
  std::string root;     ///< b64
  std::string adopted;  ///< empty: sealed as it was written

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> to_pairs() const;
  static Result<BlockLeaf> from_leaf(const Leaf& leaf);
};

}  // namespace alibi::seal
