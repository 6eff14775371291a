#pragma once
// Merkle trees of RFC 6962 section 2.1: growing, proving, checking.
// The tree of the log and the trees of blocks are both of this kind.
// Thread: one per object; the functions any.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "seal/digest.hpp"

namespace alibi::seal {

[[nodiscard]] Hash leaf_hash(std::string_view data);
[[nodiscard]] Hash node_hash(const Hash& left, const Hash& right);
/// Of no leaves: SHA-256 of nothing.
[[nodiscard]] Hash tree_hash(std::span<const Hash> leaves);

/// A tree that only grows; keeps one hash for each bit of its size.
class GrowingTree {
 public:
  GrowingTree() = default;
  /// The complete subtrees of a tree of `size`, largest first.
  GrowingTree(std::uint64_t size, std::vector<Hash> subtrees);

  void append(const Hash& leaf);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Hash root() const;
  [[nodiscard]] const std::vector<Hash>& subtrees() const { return subtrees_; }

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> subtrees_;
};

/// Hash of the complete subtree over leaves [index << level, (index + 1) << level).
using NodeReader = std::function<Result<Hash>(unsigned level, std::uint64_t index)>;

/// RFC 6962 section 2.1.1 and 2.1.2. Errors: of `read`; Usage for an index or
/// size out of range.
[[nodiscard]] Result<std::vector<Hash>> prove_inclusion(const NodeReader& read, std::uint64_t index,
                                                        std::uint64_t size);
[[nodiscard]] Result<std::vector<Hash>> prove_consistency(const NodeReader& read,
                                                          std::uint64_t old_size,
                                                          std::uint64_t size);
/// The hash over leaves [from, to), which must be a node of the tree of `size`.
[[nodiscard]] Result<Hash> range_hash(const NodeReader& read, std::uint64_t from, std::uint64_t to);

[[nodiscard]] bool check_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                                   std::span<const Hash> proof, const Hash& root);
/// Two trees of one size need no proof; an old tree of no leaves has the root of none.
[[nodiscard]] bool check_consistency(std::uint64_t old_size, const Hash& old_root,
                                     std::uint64_t size, const Hash& root,
                                     std::span<const Hash> proof);

/// Leaves [from, to) of a tree, of which only the hash is known.
struct HiddenRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  Hash hash;
};
/// The largest nodes of the tree of `size` that hold none of `shown` (ascending).
[[nodiscard]] std::vector<HiddenRange> hidden_ranges(std::span<const std::uint64_t> shown,
                                                     std::uint64_t size);
/// The root of a tree of `size` of which some leaves are known and the others
/// are covered by ranges. Errors: Corrupt when something is covered twice, not
/// at all, or by a range that is no node of the tree.
[[nodiscard]] Result<Hash> root_of_pruned(const std::map<std::uint64_t, Hash>& shown,
                                          std::span<const HiddenRange> hidden, std::uint64_t size);

/// Of a shown leaf of such a tree. Errors: Usage when it is not shown; Corrupt.
[[nodiscard]] Result<std::vector<Hash>> prove_inclusion(const std::map<std::uint64_t, Hash>& shown,
                                                        std::span<const HiddenRange> hidden,
                                                        std::uint64_t index, std::uint64_t size);

}  // namespace alibi::seal
