#pragma once
// Step 4: the leaves up to the size of the checkpoint, one after the other, each
// read once: what is judged is what is hashed. Thread: one. Memory: one file's
// window.

#include <cstdint>
#include <functional>
#include <string_view>

#include "seal/leaf.hpp"
#include "verify/files.hpp"

namespace alibi::verify {

/// The line with its LF.
using VisitLeaf = std::function<Status(std::uint64_t index, std::string_view line)>;

/// Calls `visit` for leaves [0, size) in order, and stops where one is not there
/// or is no line: that is a finding. Errors: Io; those of `visit`.
[[nodiscard]] Status for_each_leaf_line(const Evidence& evidence, std::uint64_t size,
                                        Findings& findings, const VisitLeaf& visit);

/// Of a well-formed leaf, or a finding. Bounds of blocks are looked at, too.
[[nodiscard]] std::optional<seal::Leaf> parse_leaf(std::uint64_t index, std::string_view line,
                                                   Findings& findings);

[[nodiscard]] std::string leaves_name(std::uint64_t index);

}  // namespace alibi::verify
