#pragma once
// The text for people in a bundle: what is claimed, what is hidden, what it does
// not prove, and how to check it with tools that are everywhere. Thread: any.

#include <optional>
#include <string>

#include "disclose/disclose.hpp"
#include "disclose/shown_block.hpp"
#include "seal/tree.hpp"

namespace alibi::disclose {

/// One record with its way up to the checkpoint.
struct Example {
  const ShownBlock& block;
  std::vector<seal::Hash> path;  ///< of the block's leaf, to the root of the checkpoint
};

[[nodiscard]] std::string readme(const Summary& summary, const ColumnChoice& columns,
                                 const std::optional<Example>& example);

}  // namespace alibi::disclose
