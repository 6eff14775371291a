#include "seal/seal_layout.hpp"

#include "base/check.hpp"

namespace alibi::seal {
namespace {

constexpr std::size_t kIndexDigits = 20;
constexpr unsigned kTileWidth = 256;

/// The name of the file in the set that leaf `index` belongs to.
std::string set_name(std::uint64_t index, const char* ending) {
  const std::string digits = std::to_string(index - index % kLeavesPerFile);
  return std::string(kIndexDigits - digits.size(), '0') + digits + ending;
}

/// C2SP tlog-tiles: groups of three digits, all but the last with an x, and
/// `.p/W` where the tile is not complete. 1234067 is x001/x234/067.
std::string tile_name(std::uint64_t index, unsigned width) {
  ALIBI_CHECK(width >= 1 && width <= kTileWidth);
  std::string path;
  do {
    const std::string group = std::to_string(1000 + index % 1000).substr(1);
    path = path.empty() ? group : "x" + group + "/" + path;
    index /= 1000;
  } while (index != 0);
  if (width != kTileWidth) path += ".p/" + std::to_string(width);
  return path;
}

}  // namespace

SealLayout SealLayout::of(const std::filesystem::path& directory) {
  return {directory, store::Layout::of(directory).content};
}

std::filesystem::path SealLayout::leaves(std::uint64_t index) const {
  return log() / "leaves" / set_name(index, ".csv");
}
std::filesystem::path SealLayout::epochs(std::uint64_t index) const {
  return log() / "epochs" / set_name(index, ".txt");
}
std::filesystem::path SealLayout::cosigned(std::uint64_t index) const {
  return log() / "cosigned" / set_name(index, ".txt");
}

std::filesystem::path SealLayout::seed(Stream stream, std::uint64_t segment) const {
  auto path = stream == Stream::Events ? files().csv(segment) : files().pcapng(segment);
  return path.replace_extension(".seed");
}

std::filesystem::path SealLayout::tile(unsigned level, std::uint64_t index, unsigned width) const {
  return log() / "tile" / std::to_string(level) / tile_name(index, width);
}
std::filesystem::path SealLayout::entries(std::uint64_t index, unsigned width) const {
  return log() / "tile" / "entries" / tile_name(index, width);
}

}  // namespace alibi::seal
