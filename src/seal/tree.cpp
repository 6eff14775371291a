#include "seal/tree.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "base/check.hpp"

namespace alibi::seal {
namespace {

/// Where a tree of `size` > 1 leaves is split: the largest power of two below it.
std::uint64_t split_of(std::uint64_t size) { return std::bit_floor(size - 1); }

/// MTH over the leaves [from, to) of the tree.
Result<Hash> hash_over(const NodeReader& read, std::uint64_t from, std::uint64_t to) {
  const std::uint64_t size = to - from;
  if (std::has_single_bit(size) && from % size == 0) {
    const auto level = static_cast<unsigned>(std::countr_zero(size));
    return read(level, from >> level);
  }
  const std::uint64_t middle = from + split_of(size);
  const auto left = hash_over(read, from, middle);
  if (!left) return left;
  const auto right = hash_over(read, middle, to);
  if (!right) return right;
  return node_hash(*left, *right);
}

/// Adds the hash over [from, to) to `proof`.
Status add_hash(const NodeReader& read, std::uint64_t from, std::uint64_t to,
                std::vector<Hash>& proof) {
  const auto hash = hash_over(read, from, to);
  if (!hash) return std::unexpected(hash.error());
  proof.push_back(*hash);
  return {};
}

}  // namespace

Hash leaf_hash(std::string_view data) {
  thread_local Sha256 sha;
  return sha.begin().add(std::string_view("\0", 1)).add(data).finish();
}

Hash node_hash(const Hash& left, const Hash& right) {
  thread_local Sha256 sha;
  return sha.begin().add("\1").add(left.view()).add(right.view()).finish();
}

Hash tree_hash(std::span<const Hash> leaves) {
  GrowingTree tree;
  for (const Hash& leaf : leaves)
    tree.append(leaf);
  return tree.root();
}

GrowingTree::GrowingTree(std::uint64_t size, std::vector<Hash> subtrees)
    : size_(size), subtrees_(std::move(subtrees)) {
  ALIBI_CHECK(subtrees_.size() == static_cast<std::size_t>(std::popcount(size)));
}

void GrowingTree::append(const Hash& leaf) {
  Hash hash = leaf;
  for (std::uint64_t bits = size_; bits & 1; bits >>= 1) {
    hash = node_hash(subtrees_.back(), hash);
    subtrees_.pop_back();
  }
  subtrees_.push_back(hash);
  ++size_;
}

Hash GrowingTree::root() const {
  if (subtrees_.empty()) return sha256({});
  Hash hash = subtrees_.back();
  for (std::size_t i = subtrees_.size() - 1; i-- > 0;)
    hash = node_hash(subtrees_[i], hash);
  return hash;
}

Result<std::vector<Hash>> prove_inclusion(const NodeReader& read, std::uint64_t index,
                                          std::uint64_t size) {
  if (index >= size) return fail(Errc::Usage, "no such leaf in a tree of that size");
  std::vector<Hash> proof;  // from the root down, and turned round at the end
  std::uint64_t from = 0;
  std::uint64_t to = size;
  while (to - from > 1) {
    const std::uint64_t middle = from + split_of(to - from);
    const bool is_left = index < middle;
    if (auto done =
            is_left ? add_hash(read, middle, to, proof) : add_hash(read, from, middle, proof);
        !done)
      return std::unexpected(done.error());
    (is_left ? to : from) = middle;
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<std::vector<Hash>> prove_consistency(const NodeReader& read, std::uint64_t old_size,
                                            std::uint64_t size) {
  if (old_size > size) return fail(Errc::Usage, "the older tree is the larger one");
  std::vector<Hash> proof;
  if (old_size == 0 || old_size == size) return proof;
  // SUBPROOF of RFC 6962 section 2.1.2 over [from, to), whose first old_size - from
  // leaves are those of the old tree.
  std::uint64_t from = 0;
  std::uint64_t to = size;
  while (old_size != to) {
    const std::uint64_t middle = from + split_of(to - from);
    const bool is_left = old_size <= middle;
    if (auto done =
            is_left ? add_hash(read, middle, to, proof) : add_hash(read, from, middle, proof);
        !done)
      return std::unexpected(done.error());
    (is_left ? to : from) = middle;
  }
  if (from != 0) {  // otherwise the node is the old root, which the other side knows
    if (auto done = add_hash(read, from, to, proof); !done) return std::unexpected(done.error());
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<Hash> range_hash(const NodeReader& read, std::uint64_t from, std::uint64_t to) {
  constexpr std::uint64_t kSizeMax = 1ULL << 63;
  if (from >= to || to > kSizeMax || from % std::bit_ceil(to - from) != 0)
    return fail(Errc::Usage, "no node of the tree holds exactly these leaves");
  return hash_over(read, from, to);
}

bool check_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                     std::span<const Hash> proof, const Hash& root) {
  // RFC 9162 section 2.1.3.2.
  if (index >= size) return false;
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return false;
    if (node % 2 == 1 || node == last) {
      hash = node_hash(sibling, hash);
      while (node % 2 == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

bool check_consistency(std::uint64_t old_size, const Hash& old_root, std::uint64_t size,
                       const Hash& root, std::span<const Hash> proof) {
  // RFC 9162 section 2.1.4.2, and the two cases it leaves out.
  if (old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  if (old_size == 0) return proof.empty() && old_root == sha256({});
  const bool knows_first = std::has_single_bit(old_size);  // it is the old root
  if (!knows_first && proof.empty()) return false;
  Hash old_hash = knows_first ? old_root : proof.front();
  Hash hash = old_hash;
  std::uint64_t node = old_size - 1;
  std::uint64_t last = size - 1;
  while (node % 2 == 1) {
    node >>= 1;
    last >>= 1;
  }
  for (const Hash& sibling : proof.subspan(knows_first ? 0 : 1)) {
    if (last == 0) return false;
    if (node % 2 == 1 || node == last) {
      old_hash = node_hash(sibling, old_hash);
      hash = node_hash(sibling, hash);
      while (node % 2 == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == old_root && hash == root;
}

}  // namespace alibi::seal
