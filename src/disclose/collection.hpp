#pragma once
// Goes through the leaves of a log once, or to those few that single records need, and takes
// what a bundle shows of its blocks. Thread: one. Memory: one block, and what is shown.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "disclose/leaf_choice.hpp"
#include "disclose/line_choice.hpp"
#include "disclose/plain_bytes.hpp"
#include "disclose/request.hpp"
#include "disclose/shown_block.hpp"
#include "seal/leaf.hpp"
#include "seal/leaf_tree.hpp"
#include "seal/seal_layout.hpp"

namespace alibi::disclose {

/// The genesis, as far as it is needed here.
struct Genesis {
  std::string origin;
  std::string hideable;
  std::uint64_t epoch_ms = 0;
  WallNs time;
};
/// Errors: NotFound (no seal there), Denied, Io, Corrupt.
[[nodiscard]] Result<Genesis> read_genesis(const seal::SealLayout& layout);

class Collection {
 public:
  /// `request` must outlive the object.
  Collection(const Request& request, const Genesis& genesis);

  /// Leaves [from, to). Errors: Io, Denied, NotFound, Corrupt, Usage.
  Status take_leaves(std::uint64_t from, std::uint64_t to);
  /// For records asked for by number and nothing else. Errors: those, and of find_leaves.
  Status take_records(seal::LeafTree& leaves);
  /// After it, of the log as it is now: what cover_leaves would learn.
  Status take_last_epochs(seal::LeafTree& leaves);
  /// The same as take_leaves for what was sealed since: it is covered where the interval demands
  /// that, and nothing more is shown.
  Status cover_leaves(std::uint64_t from, std::uint64_t to);
  /// Something wanted was not found. Errors: NotFound, Usage.
  [[nodiscard]] Status check() const;

  [[nodiscard]] const std::map<std::uint64_t, ShownBlock>& blocks() const { return blocks_; }
  [[nodiscard]] const LeafChoice& leaves() const { return leaves_; }
  [[nodiscard]] const ColumnChoice& columns() const { return *columns_; }
  [[nodiscard]] const LineChoice& lines() const { return *lines_; }
  /// Earliest and latest time of the sealed records that were met.
  [[nodiscard]] WallNs first_time() const { return first_time_; }
  [[nodiscard]] WallNs last_time() const { return last_time_; }

 private:
  Status prepare();
  Status take(std::uint64_t index, std::string_view line);
  Status take_each(seal::LeafTree& leaves, const std::set<std::uint64_t>& indexes);
  Status take_events(std::uint64_t index, const seal::BlockLeaf& block);
  Status take_packets(std::uint64_t index, const seal::BlockLeaf& block);
  Status show_packets(std::uint64_t index, const seal::BlockLeaf& block);
  Status learn_columns();
  Result<ShownBlock> show(std::uint64_t index, const seal::BlockLeaf& block, PlainBytes& source,
                          std::string_view bytes, std::vector<std::uint64_t> items);
  void add(ShownBlock block);

  const Request& request_;
  seal::SealLayout layout_;
  Genesis genesis_;
  LeafChoice leaves_;
  PlainBytes events_;
  PlainBytes packets_;
  std::optional<ColumnChoice> columns_;
  std::optional<LineChoice> lines_;
  std::optional<std::set<std::uint64_t>> numbers_;  ///< of the packets that are shown
  std::map<std::uint64_t, ShownBlock> blocks_;      ///< by leaf
  /// Leaf and block: of a file of packets, not read yet.
  std::vector<std::pair<std::uint64_t, seal::BlockLeaf>> waiting_;
  WallNs first_time_;
  WallNs last_time_;
  bool is_covering_ = false;
};

}  // namespace alibi::disclose
