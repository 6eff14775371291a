#pragma once
// Finds the few leaves that a bundle of single records needs, without a look at the others:
// their order is what step 8 of docs/seal-format.md section 9 verifies, and what is found
// was checked against the root. Errors: as seal::LeafTree. Thread: one.

#include <cstdint>
#include <set>
#include <span>

#include "base/result.hpp"
#include "seal/leaf_tree.hpp"
#include "seal/seal_layout.hpp"

namespace alibi::disclose {

/// The blocks of `records`, and of each kind the last `receipt` leaf before them.
/// Errors: NotFound also for a record that is in no block.
[[nodiscard]] Result<std::set<std::uint64_t>> find_leaves(seal::LeafTree& leaves,
                                                          const seal::SealLayout& layout,
                                                          std::span<const std::uint64_t> records);
/// The last two `epoch` leaves, as far as there are any.
[[nodiscard]] Result<std::set<std::uint64_t>> find_last_epochs(seal::LeafTree& leaves);

}  // namespace alibi::disclose
