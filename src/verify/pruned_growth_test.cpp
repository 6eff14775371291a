#include "verify/pruned_growth.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace alibi::verify {
namespace {

/// Of every shown size, whatever is hidden, it is the tree hash of all leaves below.
TEST(PrunedGrowth, RootsAreThoseOfTheWholeTree) {
  constexpr std::uint64_t kSize = 37;
  std::vector<seal::Hash> leaves;
  for (std::uint64_t i = 0; i < kSize; ++i)
    leaves.push_back(seal::leaf_hash(std::to_string(i)));
  for (std::uint64_t step = 1; step < 20; ++step) {
    std::vector<std::uint64_t> indices;
    std::map<std::uint64_t, seal::Hash> shown;
    std::set<std::uint64_t> sizes;
    for (std::uint64_t i = step / 2; i < kSize; i += step) {
      indices.push_back(i);
      shown.emplace(i, leaves[i]);
      sizes.insert(i + 1);
    }
    auto hidden = seal::hidden_ranges(indices, kSize);
    for (auto& range : hidden)
      range.hash = seal::tree_hash(std::span(leaves).subspan(range.from, range.to - range.from));
    const auto roots = roots_of(shown, hidden, sizes);
    EXPECT_EQ(roots.size(), sizes.size());
    for (const auto& [size, root] : roots)
      EXPECT_EQ(root, seal::tree_hash(std::span(leaves).first(size))) << step << " " << size;
  }
}

TEST(PrunedGrowth, NothingFollowsFromNothing) { EXPECT_TRUE(roots_of({}, {}, {1, 2}).empty()); }

}  // namespace
}  // namespace alibi::verify
