#pragma once
// Blocks: runs of whole lines that tile a segment. A line "bytes,lines" for each
// stands in <segment>.blocks while the segment is open, and inside the packed
// file afterwards. docs/log-format.md section 3.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"

namespace alibi::store {

struct Block {
  std::uint64_t bytes = 0;
  std::uint32_t lines = 0;
};

void append_block(std::string& text, Block block);

/// The blocks that `text` lists, up to the first that does not parse or reaches
/// beyond `limit_bytes` in total; `used` is the length of their text.
[[nodiscard]] std::vector<Block> parse_blocks(std::string_view text, std::uint64_t limit_bytes,
                                              std::size_t& used);

/// Reads <segment>.blocks for the first `limit_bytes` of the segment and cuts
/// off whatever is no part of that. A missing file has no blocks. Errors: Io.
[[nodiscard]] Result<std::vector<Block>> load_blocks(Disk& disk, const Layout& layout,
                                                     std::uint64_t first_seq,
                                                     std::uint64_t limit_bytes);

}  // namespace alibi::store
