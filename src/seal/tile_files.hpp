#pragma once
// Files of log/tile as they are read: C2SP tlog-tiles v0.1, height 8. What comes out is what
// the file says; whoever reads compares it with a root. Thread: any; a recorder may write
// meanwhile. Memory: one file.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "seal/digest.hpp"
#include "seal/seal_layout.hpp"
#include "seal/tree.hpp"
#include "store/disk.hpp"

namespace alibi::seal {

inline constexpr std::uint64_t kTileLeaves = 256;
inline constexpr unsigned kTileHeight = 8;

/// 256 hashes. Errors: NotFound, Corrupt, Io.
[[nodiscard]] Result<std::vector<Hash>> read_complete_tile(store::Disk& disk,
                                                           const SealLayout& layout, unsigned level,
                                                           std::uint64_t index);
/// The same, or a partial tile with `least` hashes or more.
[[nodiscard]] Result<std::vector<Hash>> read_tile(store::Disk& disk, const SealLayout& layout,
                                                  unsigned level, std::uint64_t index,
                                                  std::uint64_t least);
/// Lines of leaves (with LF) from an entry bundle, complete or with `least` or more.
/// Errors: NotFound, Corrupt, Io.
[[nodiscard]] Result<std::vector<std::string>> read_entries(store::Disk& disk,
                                                            const SealLayout& layout,
                                                            std::uint64_t index,
                                                            std::uint64_t least);

/// The tree of `size` leaves from its right edge: by level, the hashes of the tile that is not
/// complete.
[[nodiscard]] GrowingTree tree_of_edge(std::uint64_t size,
                                       const std::vector<std::vector<Hash>>& edge);

}  // namespace alibi::seal
