#pragma once
// What the log itself admits: losses, faults, clocks that were set, ends without a
// word, deletions, and what was sealed later than written. Pure. Thread: any.

#include <cstdint>

#include "seal/leaf.hpp"
#include "verify/report.hpp"

namespace alibi::verify {

/// Adds a gap to the report when the leaf tells one.
void list_gap(std::uint64_t index, const seal::Leaf& leaf, Report& report);

}  // namespace alibi::verify
