#pragma once
// Roots of smaller sizes of a tree of which some leaves are shown and the others
// are covered by hashes of complete subtrees. Pure. Thread: any.

#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "seal/tree.hpp"

namespace alibi::verify {

/// Of those `sizes` whose last leaf is shown. `shown` and `hidden` are known to
/// cover a tree (seal::root_of_pruned).
[[nodiscard]] std::map<std::uint64_t, seal::Hash> roots_of(
    const std::map<std::uint64_t, seal::Hash>& shown, std::span<const seal::HiddenRange> hidden,
    const std::set<std::uint64_t>& sizes);

}  // namespace alibi::verify
