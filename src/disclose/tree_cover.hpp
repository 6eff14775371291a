#pragma once
// The leaves that are shown, and hashes that stand for the others, so that the root
// of the checkpoint can be computed again: docs/disclosure-format.md section 2.
// Thread: one. Memory: what is shown.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "seal/leaf_tree.hpp"
#include "seal/note.hpp"
#include "seal/seal_layout.hpp"
#include "seal/tree.hpp"

namespace alibi::disclose {

struct TreeCover {
  std::uint64_t size = 0;
  std::map<std::uint64_t, std::string> lines;  ///< of the shown leaves, with LF
  std::map<std::uint64_t, seal::Hash> shown;
  std::vector<seal::HiddenRange> hidden;

  [[nodiscard]] std::string leaves_csv() const;
  [[nodiscard]] std::string tree_csv() const;
};

/// From all leaves. Errors: Io; Corrupt when they do not give the root of the checkpoint.
[[nodiscard]] Result<TreeCover> cover_tree(const seal::SealLayout& layout,
                                           const std::set<std::uint64_t>& shown,
                                           const seal::Checkpoint& checkpoint);

/// From the shown leaves and some tiles. Errors: as seal::LeafTree.
[[nodiscard]] Result<TreeCover> cover_tree(seal::LeafTree& leaves,
                                           const std::set<std::uint64_t>& shown,
                                           const seal::Checkpoint& checkpoint);

/// C2SP tlog-proof of a shown leaf. `note` is the checkpoint with its signatures.
[[nodiscard]] Result<std::string> tlog_proof(const TreeCover& cover, std::uint64_t index,
                                             std::string_view note);

}  // namespace alibi::disclose
