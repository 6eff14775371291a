#include "seal/leaf_tree.hpp"

#include <algorithm>
#include <span>

#include "seal/leaf_log.hpp"

namespace alibi::seal {
namespace {

constexpr std::uint64_t kSizeMax = 1ULL << 48;

Hash hash_of_lines(std::span<const std::string> lines) {
  GrowingTree tree;
  for (const std::string& line : lines)
    tree.append(leaf_hash(line));
  return tree.root();
}

std::unexpected<Error> not_its_tiles(const SealLayout& layout) {
  return fail(Errc::Corrupt,
              (layout.log() / "tile").string() + " is not of " + layout.checkpoint().string());
}

/// Leaves of that type begin so.
bool is_block(std::string_view line) { return line.starts_with("block,"); }

/// Where in one bundle a number is, or on which side of it.
struct Place {
  enum class Where : std::uint8_t { Here, Before, After, Nowhere, NoBlocks };
  Where where = Where::NoBlocks;
  std::uint64_t at = 0;
};

Result<Place> find_in(const std::vector<std::string>& lines, Stream stream, std::uint64_t number) {
  Place place;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!is_block(lines[i])) continue;
    const auto leaf = Leaf::from_line(lines[i]);
    if (!leaf) return std::unexpected(leaf.error());
    const auto block = BlockLeaf::from_leaf(*leaf);
    if (!block) return std::unexpected(block.error());
    if (block->stream != stream || block->last == 0) continue;
    if (number < block->first) {
      const bool is_first = place.where == Place::Where::NoBlocks;
      return Place{is_first ? Place::Where::Before : Place::Where::Nowhere};
    }
    if (number <= block->last) return Place{Place::Where::Here, i};
    place.where = Place::Where::After;
  }
  return place;
}

}  // namespace

Result<LeafTree> LeafTree::open(const SealLayout& layout, const Checkpoint& checkpoint) {
  LeafTree tree(layout, checkpoint.size);
  if (auto done = tree.read_edge(checkpoint.root); !done) return std::unexpected(done.error());
  return tree;
}

Status LeafTree::read_edge(const Hash& root) {
  if (size_ == 0 || size_ > kSizeMax) return not_its_tiles(layout_);
  for (unsigned level = 0; size_ >> (kTileHeight * level) != 0; ++level) {
    auto hashes = edge_tile(level);
    if (!hashes) return std::unexpected(hashes.error());
    edge_.push_back(std::move(*hashes));
  }
  if (tree_of_edge(size_, edge_).root() != root) return not_its_tiles(layout_);
  return {};
}

/// The partial tile, or where that is not written yet, what it follows from.
Result<std::vector<Hash>> LeafTree::edge_tile(unsigned level) {
  const std::uint64_t count = size_ >> (kTileHeight * level);
  const std::uint64_t width = count % kTileLeaves;
  const std::uint64_t first = count - width;
  std::vector<Hash> hashes;
  if (width == 0) return hashes;
  store::Disk& disk = store::real_disk();
  if (level == 0) {
    auto lines = read_lines(first / kTileLeaves);
    if (!lines) return std::unexpected(lines.error());
    for (const std::string& line : *lines)
      hashes.push_back(leaf_hash(line));
    return hashes;
  }
  auto partial = read_tile(disk, layout_, level, first / kTileLeaves, width);
  if (partial) {
    partial->resize(width);
    return partial;
  }
  if (partial.error().code != Errc::NotFound) return partial;
  for (std::uint64_t index = first; index < count; ++index) {
    const auto below = read_complete_tile(disk, layout_, level - 1, index);
    if (!below) return std::unexpected(below.error());
    hashes.push_back(tree_hash(*below));
  }
  return hashes;
}

Result<const std::vector<Hash>*> LeafTree::tile(unsigned level, std::uint64_t index) {
  if (level < edge_.size() && index == size_ >> (kTileHeight * (level + 1))) return &edge_[level];
  const auto known = tiles_.find({level, index});
  if (known != tiles_.end()) return &known->second;
  const auto above = tile(level + 1, index / kTileLeaves);
  if (!above) return above;
  auto hashes = read_complete_tile(store::real_disk(), layout_, level, index);
  if (!hashes) return std::unexpected(hashes.error());
  if (tree_hash(*hashes) != (*above)->at(index % kTileLeaves)) return not_its_tiles(layout_);
  return &tiles_.emplace(std::pair(level, index), std::move(*hashes)).first->second;
}

Result<Hash> LeafTree::node(unsigned level, std::uint64_t index) {
  const unsigned within = level % kTileHeight;
  const std::uint64_t first = index << within;
  const std::uint64_t at = first % kTileLeaves;
  const std::uint64_t count = 1ULL << within;
  if ((index + 1) << level > size_) return fail(Errc::Usage, "no such node in the tree");
  const auto hashes = tile(level / kTileHeight, first / kTileLeaves);
  if (!hashes) return std::unexpected(hashes.error());
  return tree_hash(std::span(**hashes).subspan(at, count));
}

/// As the files say; what is not in a bundle yet is in log/leaves.
Result<std::vector<std::string>> LeafTree::read_lines(std::uint64_t index) {
  store::Disk& disk = store::real_disk();
  const std::uint64_t first = index * kTileLeaves;
  const std::uint64_t count = std::min(kTileLeaves, size_ - first);
  auto lines = read_entries(disk, layout_, index, count);
  if (lines) lines->resize(std::min<std::size_t>(count, lines->size()));
  if (lines || lines.error().code != Errc::NotFound) return lines;
  std::vector<std::string> read;
  const auto end =
      for_each_leaf(disk, layout_, first, first + count, [&](std::uint64_t, std::string_view line) {
        read.emplace_back(line);
        return true;
      });
  if (!end) return std::unexpected(end.error());
  return read;
}

Result<const std::vector<std::string>*> LeafTree::bundle(std::uint64_t index) {
  if (at_ == index) return &lines_;
  if (index >= bundles()) return fail(Errc::Usage, "no such leaf in the tree");
  auto lines = read_lines(index);
  if (!lines) return std::unexpected(lines.error());
  const bool is_complete = (index + 1) * kTileLeaves <= size_;
  if (is_complete) {
    const auto expected = node(kTileHeight, index);
    if (!expected) return std::unexpected(expected.error());
    if (lines->size() != kTileLeaves || hash_of_lines(*lines) != *expected)
      return not_its_tiles(layout_);
  } else if (!std::ranges::equal(*lines, edge_[0], {},
                                 [](const auto& l) { return leaf_hash(l); })) {
    return not_its_tiles(layout_);
  }
  lines_ = std::move(*lines);
  at_ = index;
  return &lines_;
}

Result<std::string> LeafTree::line(std::uint64_t leaf) {
  const auto lines = bundle(leaf / kTileLeaves);
  if (!lines) return std::unexpected(lines.error());
  return (*lines)->at(leaf % kTileLeaves);
}

Result<std::optional<std::uint64_t>> find_block(LeafTree& leaves, Stream stream,
                                                std::uint64_t number) {
  // The block is in one of the bundles [low, high), if there is one.
  std::uint64_t low = 0;
  std::uint64_t high = leaves.bundles();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    Place place;
    std::uint64_t at = middle;
    for (; at < high && place.where == Place::Where::NoBlocks; ++at) {
      const auto lines = leaves.bundle(at);
      if (!lines) return std::unexpected(lines.error());
      const auto found = find_in(**lines, stream, number);
      if (!found) return std::unexpected(found.error());
      place = *found;
    }
    if (place.where == Place::Where::Here) return (at - 1) * kTileLeaves + place.at;
    if (place.where == Place::Where::Nowhere) return std::nullopt;
    if (place.where == Place::Where::After)
      low = at;
    else
      high = middle;
  }
  return std::nullopt;
}

}  // namespace alibi::seal
