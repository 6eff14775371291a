// Trees of which only some leaves are shown: which hashes stand for the others,
// and the root from both.

#include <algorithm>
#include <bit>

#include "seal/tree.hpp"

namespace alibi::seal {
namespace {

std::uint64_t middle_of(std::uint64_t from, std::uint64_t to) {
  return from + std::bit_floor(to - from - 1);
}

void add_hidden(std::span<const std::uint64_t> shown, std::uint64_t from, std::uint64_t to,
                std::vector<HiddenRange>& hidden) {
  if (shown.empty()) {
    hidden.push_back({from, to, {}});
    return;
  }
  if (to - from == 1) return;
  const std::uint64_t middle = middle_of(from, to);
  const auto cut =
      static_cast<std::size_t>(std::ranges::lower_bound(shown, middle) - shown.begin());
  add_hidden(shown.first(cut), from, middle, hidden);
  add_hidden(shown.subspan(cut), middle, to, hidden);
}

class PrunedTree {
 public:
  PrunedTree(const std::map<std::uint64_t, Hash>& shown, std::span<const HiddenRange> hidden)
      : shown_(shown), hidden_(hidden.begin(), hidden.end()) {
    std::ranges::sort(hidden_, {}, bounds_of);
  }

  Result<Hash> hash_of(std::uint64_t from, std::uint64_t to) {
    const auto range = std::ranges::lower_bound(hidden_, std::pair(from, to), {}, bounds_of);
    if (range != hidden_.end() && range->from == from && range->to == to) {
      ++ranges_used_;
      return range->hash;
    }
    if (to - from == 1) {
      const auto leaf = shown_.find(from);
      if (leaf == shown_.end())
        return fail(Errc::Corrupt,
                    "leaf " + std::to_string(from) + " is neither shown nor covered");
      ++leaves_used_;
      return leaf->second;
    }
    const std::uint64_t middle = middle_of(from, to);
    const auto left = hash_of(from, middle);
    if (!left) return left;
    const auto right = hash_of(middle, to);
    if (!right) return right;
    return node_hash(*left, *right);
  }

  /// After the hash of the whole: nothing was left over, so nothing is covered twice.
  [[nodiscard]] bool is_used_up() const {
    return ranges_used_ == hidden_.size() && leaves_used_ == shown_.size();
  }

 private:
  static std::pair<std::uint64_t, std::uint64_t> bounds_of(const HiddenRange& range) {
    return {range.from, range.to};
  }

  const std::map<std::uint64_t, Hash>& shown_;
  std::vector<HiddenRange> hidden_;
  std::size_t ranges_used_ = 0;
  std::size_t leaves_used_ = 0;
};

}  // namespace

std::vector<HiddenRange> hidden_ranges(std::span<const std::uint64_t> shown, std::uint64_t size) {
  std::vector<HiddenRange> hidden;
  if (size != 0) add_hidden(shown, 0, size, hidden);
  return hidden;
}

Result<Hash> root_of_pruned(const std::map<std::uint64_t, Hash>& shown,
                            std::span<const HiddenRange> hidden, std::uint64_t size) {
  PrunedTree tree(shown, hidden);
  if (size == 0 && tree.is_used_up()) return sha256({});
  if (size == 0) return fail(Errc::Corrupt, "an empty tree has no leaves");
  auto root = tree.hash_of(0, size);
  if (root && !tree.is_used_up())
    return fail(Errc::Corrupt, "a leaf or a range is covered twice or is no part of the tree");
  return root;
}

Result<std::vector<Hash>> prove_inclusion(const std::map<std::uint64_t, Hash>& shown,
                                          std::span<const HiddenRange> hidden, std::uint64_t index,
                                          std::uint64_t size) {
  if (index >= size || !shown.contains(index))
    return fail(Errc::Usage, "only a shown leaf can be proved");
  PrunedTree tree(shown, hidden);
  std::vector<Hash> proof;
  std::uint64_t from = 0;
  std::uint64_t to = size;
  while (to - from > 1) {
    const std::uint64_t middle = middle_of(from, to);
    const bool is_left = index < middle;
    const auto sibling = is_left ? tree.hash_of(middle, to) : tree.hash_of(from, middle);
    if (!sibling) return std::unexpected(sibling.error());
    proof.push_back(*sibling);
    (is_left ? to : from) = middle;
  }
  std::ranges::reverse(proof);
  return proof;
}

}  // namespace alibi::seal
