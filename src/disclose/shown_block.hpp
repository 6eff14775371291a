#pragma once
// One block of the log as a bundle tells it: which of its items are shown, the
// salts of these, and hashes that stand for the others. docs/disclosure-format.md
// section 1. Thread: any.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "seal/item.hpp"
#include "seal/leaf.hpp"
#include "seal/tree.hpp"

namespace alibi::disclose {

/// The hideable columns of the log, and which of them the bundle hides.
struct ColumnChoice {
  seal::Columns columns;
  std::vector<std::string> names;  ///< of the hideable ones, in order
  std::vector<bool> is_hidden;     ///< the same

  /// Errors: Usage when a column of `hide` is not hideable, saying which are.
  static Result<ColumnChoice> from(std::string_view hideable, std::string_view header,
                                   const std::vector<std::string>& hide);
};

/// A shown line with all that its leaf is made of, for the check by hand.
struct ShownLine {
  std::uint64_t item = 0;
  std::string line;                ///< as records.csv has it, without LF
  std::vector<std::string> salts;  ///< bytes; empty: no salt is given
  std::vector<seal::Hash> path;    ///< RFC 6962, to the root of the block
};

struct ShownBlock {
  std::uint64_t leaf = 0;
  seal::BlockLeaf block;
  std::string items;               ///< lines of items.csv
  std::string records;             ///< lines of records.csv, or of packets.csv
  std::uint64_t shown = 0;         ///< records or packets among the shown items
  std::uint64_t hidden = 0;        ///< items that are not shown
  std::vector<ShownLine> example;  ///< the first shown record; none of packets
};

/// `shown` are indices of items, ascending; the header line is shown in any case.
/// Errors: Corrupt when `bytes` do not have the root that was sealed.
[[nodiscard]] Result<ShownBlock> show_block(std::uint64_t leaf, const seal::BlockLeaf& block,
                                            std::string_view bytes, const seal::Seed& block_seed,
                                            const ColumnChoice& choice,
                                            std::vector<std::uint64_t> shown);

[[nodiscard]] inline bool has_header_line(const seal::BlockLeaf& block) {
  return block.stream == seal::Stream::Events && block.offset == 0;
}

}  // namespace alibi::disclose
