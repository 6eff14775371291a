#include "store/blocks.hpp"

#include <fcntl.h>

#include "event/number.hpp"

namespace alibi::store {
namespace {

/// A day of one block a second is 1 MiB.
constexpr std::uint64_t kMaxBlocksFileBytes = 64ULL << 20;

}  // namespace

void append_block(std::string& text, Block block) {
  event::append_number(text, block.bytes);
  text += ',';
  event::append_number(text, block.lines);
  text += '\n';
}

std::vector<Block> parse_blocks(std::string_view text, std::uint64_t limit_bytes,
                                std::size_t& used) {
  std::vector<Block> blocks;
  std::uint64_t total = 0;
  used = 0;
  while (true) {
    const auto end = text.find('\n', used);
    if (end == std::string_view::npos) return blocks;
    const auto line = text.substr(used, end - used);
    const auto comma = line.find(',');
    if (comma == std::string_view::npos) return blocks;
    const auto bytes = event::parse_number<std::uint64_t>(line.substr(0, comma));
    const auto lines = event::parse_number<std::uint32_t>(line.substr(comma + 1));
    if (!bytes || !lines || *bytes == 0 || *lines == 0 || *bytes > limit_bytes - total)
      return blocks;
    total += *bytes;
    blocks.push_back({*bytes, *lines});
    used = end + 1;
  }
}

Result<std::vector<Block>> load_blocks(Disk& disk, const Layout& layout, std::uint64_t first_seq,
                                       std::uint64_t limit_bytes) {
  const auto path = layout.blocks(first_seq);
  const auto text = read_file(disk, path, kMaxBlocksFileBytes);
  if (!text && text.error().code == Errc::NotFound) return std::vector<Block>{};
  if (!text) return std::unexpected(text.error());
  std::size_t used = 0;
  auto blocks = parse_blocks(*text, limit_bytes, used);
  if (used == text->size()) return blocks;
  const auto fd = disk.open(path, O_WRONLY);
  if (!fd) return std::unexpected(fd.error());
  if (auto done = disk.truncate(fd->get(), used); !done) return std::unexpected(done.error());
  return blocks;
}

}  // namespace alibi::store
