// Trees: the known roots of RFC 6962's own test data, and each proof against the
// definition in that RFC, written here as recursion over all leaves.

#include "seal/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>

#include "seal/bytes.hpp"

namespace alibi::seal {
namespace {

std::vector<Hash> leaves_of(std::uint64_t count) {
  std::vector<Hash> leaves;
  for (std::uint64_t i = 0; i < count; ++i)
    leaves.push_back(leaf_hash("leaf " + std::to_string(i)));
  return leaves;
}

/// MTH of RFC 6962 section 2.1, word for word.
Hash defined_root(std::span<const Hash> leaves) {
  if (leaves.empty()) return sha256("");
  if (leaves.size() == 1) return leaves[0];
  const auto k = std::bit_floor(leaves.size() - 1);
  return node_hash(defined_root(leaves.first(k)), defined_root(leaves.subspan(k)));
}

NodeReader reader_of(const std::vector<Hash>& leaves) {
  return [&leaves](unsigned level, std::uint64_t index) -> Result<Hash> {
    const std::uint64_t width = 1ULL << level;
    if ((index + 1) * width > leaves.size()) return fail(Errc::NotFound, "not complete");
    return defined_root(std::span(leaves).subspan(index * width, width));
  };
}

TEST(Tree, KnownRoots) {
  // The inputs and roots of the reference implementation of RFC 6962.
  const char* const kInputs[] = {"",
                                 "00",
                                 "10",
                                 "2021",
                                 "3031",
                                 "40414243",
                                 "5051525354555657",
                                 "606162636465666768696a6b6c6d6e6f"};
  const char* const kRoots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  GrowingTree tree;
  EXPECT_EQ(tree.root().to_hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (std::size_t i = 0; i < std::size(kInputs); ++i) {
    tree.append(leaf_hash(from_hex(kInputs[i]).value()));
    EXPECT_EQ(tree.root().to_hex(), kRoots[i]) << i;
  }
}

TEST(Tree, GrowsAsDefined) {
  const auto leaves = leaves_of(70);
  GrowingTree tree;
  for (std::size_t size = 0; size <= leaves.size(); ++size) {
    const auto expected = defined_root(std::span(leaves).first(size));
    ASSERT_EQ(tree.root(), expected) << size;
    ASSERT_EQ(tree_hash(std::span(leaves).first(size)), expected);
    ASSERT_EQ(GrowingTree(tree.size(), tree.subtrees()).root(), expected);
    if (size < leaves.size()) tree.append(leaves[size]);
  }
}

TEST(Tree, InclusionOfEveryLeafInEverySize) {
  const auto leaves = leaves_of(40);
  const auto read = reader_of(leaves);
  for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
    const Hash root = defined_root(std::span(leaves).first(size));
    for (std::uint64_t index = 0; index < size; ++index) {
      auto proof = prove_inclusion(read, index, size).value();
      ASSERT_TRUE(check_inclusion(leaves[index], index, size, proof, root)) << index << " " << size;
      EXPECT_FALSE(check_inclusion(leaves[(index + 1) % size], index, size, proof, root) &&
                   size > 1);
      EXPECT_FALSE(size > 1 &&
                   check_inclusion(leaves[index], (index + 1) % size, size, proof, root));
      EXPECT_FALSE(check_inclusion(leaves[index], index + size, size, proof, root));
      proof.push_back(root);
      EXPECT_FALSE(check_inclusion(leaves[index], index, size, proof, root));
      proof.pop_back();
      if (proof.empty()) continue;
      proof.pop_back();
      EXPECT_FALSE(check_inclusion(leaves[index], index, size, proof, root));
    }
  }
  EXPECT_EQ(prove_inclusion(read, 4, 4).error().code, Errc::Usage);
}

TEST(Tree, ConsistencyOfEveryPairOfSizes) {
  const auto leaves = leaves_of(40);
  const auto read = reader_of(leaves);
  for (std::uint64_t size = 0; size <= leaves.size(); ++size) {
    const Hash root = defined_root(std::span(leaves).first(size));
    for (std::uint64_t old_size = 0; old_size <= size; ++old_size) {
      const Hash old_root = defined_root(std::span(leaves).first(old_size));
      auto proof = prove_consistency(read, old_size, size).value();
      ASSERT_TRUE(check_consistency(old_size, old_root, size, root, proof))
          << old_size << " " << size;
      EXPECT_FALSE(check_consistency(old_size, leaf_hash("x"), size, root, proof));
      EXPECT_FALSE(old_size != 0 &&
                   check_consistency(old_size, old_root, size, leaf_hash("x"), proof));
      proof.push_back(root);
      EXPECT_FALSE(check_consistency(old_size, old_root, size, root, proof));
      proof.pop_back();
      if (proof.empty()) continue;
      proof.front().bytes[0] ^= 1;
      EXPECT_FALSE(check_consistency(old_size, old_root, size, root, proof));
    }
  }
  EXPECT_EQ(prove_consistency(read, 5, 4).error().code, Errc::Usage);
  EXPECT_FALSE(check_consistency(5, leaves[0], 4, leaves[0], {}));
}

TEST(Tree, NodesAreRead) {
  const auto leaves = leaves_of(13);
  const auto read = reader_of(leaves);
  EXPECT_EQ(range_hash(read, 8, 13), defined_root(std::span(leaves).subspan(8, 5)));
  EXPECT_EQ(range_hash(read, 0, 13), defined_root(leaves));
  EXPECT_EQ(range_hash(read, 4, 8), defined_root(std::span(leaves).subspan(4, 4)));
  EXPECT_EQ(range_hash(read, 4, 4).error().code, Errc::Usage);
  EXPECT_EQ(range_hash(read, 2, 6).error().code, Errc::Usage);
  EXPECT_EQ(range_hash(read, 12, 16).error().code, Errc::NotFound);
}

struct Pruned {
  std::map<std::uint64_t, Hash> shown;
  std::vector<HiddenRange> hidden;
};

Pruned prune(const std::vector<Hash>& leaves, const std::vector<std::uint64_t>& indexes) {
  Pruned pruned;
  for (const auto index : indexes)
    pruned.shown[index] = leaves[index];
  pruned.hidden = hidden_ranges(indexes, leaves.size());
  for (auto& range : pruned.hidden)
    range.hash = range_hash(reader_of(leaves), range.from, range.to).value();
  return pruned;
}

TEST(Pruned, AnyChoiceOfLeavesGivesTheRoot) {
  std::mt19937 random(1);
  for (std::uint64_t size = 1; size <= 33; ++size) {
    const auto leaves = leaves_of(size);
    for (int again = 0; again < 20; ++again) {
      std::vector<std::uint64_t> indexes;
      for (std::uint64_t i = 0; i < size; ++i) {
        if (random() % 4 == 0) indexes.push_back(i);
      }
      const auto [shown, hidden] = prune(leaves, indexes);
      ASSERT_EQ(root_of_pruned(shown, hidden, size), defined_root(leaves));
      for (std::uint64_t index = 0; index < size; ++index) {
        const auto proof = prove_inclusion(shown, hidden, index, size);
        ASSERT_EQ(proof.has_value(), shown.contains(index));
        if (proof) {
          ASSERT_EQ(*proof, prove_inclusion(reader_of(leaves), index, size).value());
        }
      }
    }
  }
  EXPECT_TRUE(hidden_ranges({}, 0).empty());
  EXPECT_EQ(root_of_pruned({}, {}, 0), sha256(""));
}

TEST(Pruned, RangesAreAsLargeAsPossible) {
  const std::uint64_t shown[] = {5};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& range : hidden_ranges(shown, 13))
    ranges.emplace_back(range.from, range.to);
  EXPECT_EQ(ranges, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{
                        {0, 4}, {4, 5}, {6, 8}, {8, 13}}));
}

TEST(Pruned, CoveredTwiceOrNotAtAllIsRefused) {
  const auto leaves = leaves_of(13);
  const auto good = prune(leaves, {5, 9});
  const auto refused = [](const Pruned& pruned, std::uint64_t size = 13) {
    const auto root = root_of_pruned(pruned.shown, pruned.hidden, size);
    return !root && root.error().code == Errc::Corrupt;
  };
  auto bad = good;
  bad.hidden.pop_back();
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.shown.erase(5);
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.hidden.push_back(bad.hidden.front());
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.hidden.push_back({5, 6, leaves[5]});  // shown and covered
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.shown[0] = leaves[0];
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.shown[13] = leaves[0];  // beyond the tree
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.hidden.front().to += 1;  // no node
  EXPECT_TRUE(refused(bad));
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused(good, 0));
  EXPECT_TRUE(refused({.hidden = {{0, 4, leaves[0]}}}, 1ULL << 62));
}

}  // namespace
}  // namespace alibi::seal
