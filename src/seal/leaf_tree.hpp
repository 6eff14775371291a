#pragma once
// A few of many leaves of a sealed log, and nodes of its tree, from log/tile; each is checked
// against the root of a checkpoint before it is given out. What is read grows with the logarithm
// of the log. Thread: one. Memory: one bundle of leaves, and the tiles that were asked for.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "seal/leaf.hpp"
#include "seal/note.hpp"
#include "seal/seal_layout.hpp"
#include "seal/tile_files.hpp"
#include "seal/tree.hpp"

namespace alibi::seal {

/// Leaves that are read together, 256 of them, are the bundle leaf / kTileLeaves.
class LeafTree {
 public:
  /// Errors, here and below: NotFound or Corrupt where the tiles lack something or are not
  /// those of the checkpoint (all leaves may be right nevertheless); Io.
  static Result<LeafTree> open(const SealLayout& layout, const Checkpoint& checkpoint);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t bundles() const { return (size_ + kTileLeaves - 1) / kTileLeaves; }
  /// Lines with LF, in order, until the next call.
  Result<const std::vector<std::string>*> bundle(std::uint64_t index);
  Result<std::string> line(std::uint64_t leaf);
  /// Over leaves [index << level, (index + 1) << level), all within size().
  Result<Hash> node(unsigned level, std::uint64_t index);

 private:
  LeafTree(SealLayout layout, std::uint64_t size) : layout_(std::move(layout)), size_(size) {}
  Status read_edge(const Hash& root);
  Result<std::vector<Hash>> edge_tile(unsigned level);
  Result<std::vector<std::string>> read_lines(std::uint64_t index);
  Result<const std::vector<Hash>*> tile(unsigned level, std::uint64_t index);

  SealLayout layout_;
  std::uint64_t size_;
  std::vector<std::vector<Hash>> edge_;  ///< by level: the tile that is not complete
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<Hash>> tiles_;  ///< complete ones
  std::optional<std::uint64_t> at_;                                        ///< of lines_
  std::vector<std::string> lines_;
};

/// The `block` leaf of that stream which has record or packet `number`; empty: there is none
/// where it would have to be. By halving: numbers of later blocks are greater
/// (docs/seal-format.md section 9, step 8).
[[nodiscard]] Result<std::optional<std::uint64_t>> find_block(LeafTree& leaves, Stream stream,
                                                              std::uint64_t number);

}  // namespace alibi::seal
