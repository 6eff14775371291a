#include "seal/tiles.hpp"

#include <fcntl.h>

#include <algorithm>
#include <span>

#include "seal/leaf_log.hpp"
#include "seal/witnessing.hpp"

namespace alibi::seal {
namespace {

constexpr unsigned kWidth = kTileLeaves;

std::string to_bytes(std::span<const Hash> hashes) {
  std::string bytes;
  for (const Hash& hash : hashes)
    bytes += hash.view();
  return bytes;
}

}  // namespace

NodeReader read_tiles(const SealLayout& layout) {
  return [layout](unsigned level, std::uint64_t index) -> Result<Hash> {
    const unsigned within = level % kTileHeight;
    const std::uint64_t count = 1ULL << within;
    const std::uint64_t first = index << within;
    const std::uint64_t at = first % kTileLeaves;
    const auto tile =
        read_tile(store::real_disk(), layout, level / kTileHeight, first / kTileLeaves, at + count);
    if (!tile) return std::unexpected(tile.error());
    return tree_hash(std::span(*tile).subspan(at, count));
  };
}

Status Tiles::resume(std::uint64_t size) {
  edge_.clear();
  bundle_.clear();
  waiting_.clear();
  size_ = size - size % kTileLeaves;
  std::uint64_t complete = size / kTileLeaves;
  edge_.emplace_back();
  for (unsigned level = 0; complete != 0; ++level, complete /= kTileLeaves) {
    std::vector<Hash>& above = edge_.emplace_back();
    for (std::uint64_t index = complete - complete % kTileLeaves; index < complete; ++index) {
      const auto tile = read_complete_tile(*disk_, layout_, level, index);
      if (!tile) return std::unexpected(tile.error());
      above.push_back(tree_hash(*tile));
    }
  }
  const auto end = for_each_leaf(*disk_, layout_, size_, size, [&](auto, std::string_view line) {
    append(line);
    return true;
  });
  if (!end) return std::unexpected(end.error());
  if (*end != size) return fail(Errc::Corrupt, "leaves are missing");
  return {};
}

Status Tiles::rebuild(std::uint64_t size) {
  edge_.clear();
  bundle_.clear();
  waiting_.clear();
  size_ = 0;
  Status written;
  const auto end = for_each_leaf(*disk_, layout_, 0, size, [&](auto, std::string_view line) {
    append(line);
    if (!waiting_.empty()) written = write_complete();
    return written.has_value();
  });
  if (!end) return std::unexpected(end.error());
  if (!written) return written;
  if (*end != size) return fail(Errc::Corrupt, "leaves are missing");
  return {};
}

void Tiles::append(std::string_view leaf_line) {
  if (edge_.empty()) edge_.emplace_back();
  edge_[0].push_back(leaf_hash(leaf_line));
  bundle_ += static_cast<char>(leaf_line.size() >> 8);
  bundle_ += static_cast<char>(leaf_line.size() & 0xff);
  bundle_ += leaf_line;
  ++size_;
  if (edge_[0].size() < kTileLeaves) return;
  waiting_.emplace_back(layout_.entries(size_ / kTileLeaves - 1, kWidth),
                        std::exchange(bundle_, {}));
  complete(0);
}

void Tiles::complete(std::size_t level) {
  const std::uint64_t index = (size_ >> (kTileHeight * (level + 1))) - 1;
  const auto hashes = std::exchange(edge_[level], {});
  waiting_.emplace_back(layout_.tile(static_cast<unsigned>(level), index, kWidth),
                        to_bytes(hashes));
  if (edge_.size() == level + 1) edge_.emplace_back();
  edge_[level + 1].push_back(tree_hash(hashes));
  if (edge_[level + 1].size() == kTileLeaves) complete(level + 1);
}

GrowingTree Tiles::tree() const { return tree_of_edge(size_, edge_); }

Status Tiles::write_tile(const std::filesystem::path& path, std::string_view bytes) {
  auto done = store::write_file(*disk_, path, bytes);
  if (done || done.error().code != Errc::NotFound) return done;
  // A new directory, perhaps several levels of them.
  std::vector<std::filesystem::path> missing;
  for (auto at = path.parent_path(); at != layout_.directory; at = at.parent_path())
    missing.push_back(at);
  while (!missing.empty()) {
    if (auto made = disk_->make_directory(missing.back()); !made) return made;
    missing.pop_back();
  }
  return store::write_file(*disk_, path, bytes);
}

Status Tiles::write_complete() {
  while (!waiting_.empty()) {
    const auto& [path, bytes] = waiting_.front();
    if (auto done = write_tile(path, bytes); !done) return done;
    waiting_.erase(waiting_.begin());
  }
  return {};
}

Status Tiles::write_all() {
  if (auto done = write_complete(); !done) return done;
  std::vector<std::filesystem::path> written;
  for (std::size_t level = 0; level < edge_.size(); ++level) {
    if (edge_[level].empty()) continue;
    const std::uint64_t index = size_ >> (kTileHeight * (level + 1));
    const auto width = static_cast<unsigned>(edge_[level].size());
    written.push_back(layout_.tile(static_cast<unsigned>(level), index, width));
    if (std::ranges::find(partial_, written.back()) != partial_.end() && level > 0) continue;
    if (auto done = write_tile(written.back(), to_bytes(edge_[level])); !done) return done;
    if (level != 0) continue;
    written.push_back(layout_.entries(index, width));
    if (auto done = write_tile(written.back(), bundle_); !done) return done;
  }
  // Nobody needs the narrower ones once the wider ones are there.
  for (const auto& old : std::exchange(partial_, written))
    if (std::ranges::find(written, old) == written.end()) (void)disk_->remove(old);
  return {};
}

}  // namespace alibi::seal
