#include "verify/pruned_growth.hpp"

#include <algorithm>
#include <bit>
#include <vector>

namespace alibi::verify {
namespace {

/// A tree that grows by complete subtrees, each at a multiple of its size.
class Growth {
 public:
  void append(unsigned level, seal::Hash hash) {
    while (!edge_.empty() && edge_.back().level == level) {
      hash = seal::node_hash(edge_.back().hash, hash);
      edge_.pop_back();
      ++level;
    }
    edge_.push_back({level, hash});
  }
  [[nodiscard]] seal::Hash root() const {
    seal::Hash hash = edge_.back().hash;
    for (auto left = edge_.rbegin() + 1; left != edge_.rend(); ++left)
      hash = seal::node_hash(left->hash, hash);
    return hash;
  }

 private:
  struct Node {
    unsigned level = 0;
    seal::Hash hash;
  };
  std::vector<Node> edge_;
};

}  // namespace

std::map<std::uint64_t, seal::Hash> roots_of(const std::map<std::uint64_t, seal::Hash>& shown,
                                             std::span<const seal::HiddenRange> hidden,
                                             const std::set<std::uint64_t>& sizes) {
  std::map<std::uint64_t, seal::HiddenRange> ranges;
  for (const auto& range : hidden)
    ranges.emplace(range.from, range);
  std::map<std::uint64_t, seal::Hash> roots;
  Growth growth;
  for (std::uint64_t at = 0;;) {
    if (const auto leaf = shown.find(at); leaf != shown.end()) {
      growth.append(0, leaf->second);
      ++at;
      if (sizes.contains(at)) roots.emplace(at, growth.root());
      continue;
    }
    const auto range = ranges.find(at);
    if (range == ranges.end()) break;
    const std::uint64_t leaves = range->second.to - range->second.from;
    // Only the last range of a tree is not complete, and nothing is shown after it.
    if (!std::has_single_bit(leaves) || at % leaves != 0) break;
    growth.append(static_cast<unsigned>(std::countr_zero(leaves)), range->second.hash);
    at = range->second.to;
  }
  return roots;
}

}  // namespace alibi::verify
