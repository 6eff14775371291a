#include "seal/tile_files.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>

namespace alibi::seal {
namespace {

constexpr std::size_t kHashBytes = sizeof(Hash);
constexpr std::size_t kLengthBytes = 2;
constexpr unsigned kWidth = kTileLeaves;
constexpr std::uint64_t kTileBytes = kTileLeaves * kHashBytes;
constexpr std::uint64_t kEntriesBytes = kTileLeaves * (kLengthBytes + kLeafBytesMax);

std::vector<Hash> to_hashes(std::string_view bytes) {
  std::vector<Hash> hashes(bytes.size() / kHashBytes);
  for (std::size_t i = 0; i < hashes.size(); ++i)
    std::ranges::copy(bytes.substr(i * kHashBytes, kHashBytes), hashes[i].bytes.begin());
  return hashes;
}

/// Each leaf after its length, 16 bits, big-endian.
std::optional<std::vector<std::string>> to_lines(std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    if (bytes.size() < kLengthBytes || lines.size() == kTileLeaves) return std::nullopt;
    const auto high = static_cast<unsigned char>(bytes[0]);
    const auto low = static_cast<unsigned char>(bytes[1]);
    const std::size_t length = static_cast<std::size_t>(high) << 8 | low;
    bytes.remove_prefix(kLengthBytes);
    if (length == 0 || length > kLeafBytesMax || length > bytes.size()) return std::nullopt;
    lines.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return lines;
}

/// The smallest partial file beside `path`, which is of width 1, that has at least `least`.
std::optional<std::filesystem::path> find_partial(store::Disk& disk,
                                                  const std::filesystem::path& path,
                                                  std::uint64_t least) {
  const auto entries = disk.list(path.parent_path());
  if (!entries) return std::nullopt;
  std::optional<unsigned> best;
  for (const auto& entry : *entries) {
    unsigned width = 0;
    const char* end = entry.name.data() + entry.name.size();
    const auto [stop, error] = std::from_chars(entry.name.data(), end, width);
    if (error != std::errc{} || stop != end || width < least || width >= kTileLeaves) continue;
    if (!best || width < *best) best = width;
  }
  if (!best) return std::nullopt;
  return path.parent_path() / std::to_string(*best);
}

/// What `read` makes of the complete file or else of a partial one, which can vanish because a
/// wider one has come.
template <typename Read>
auto read_either(store::Disk& disk, const std::filesystem::path& complete,
                 const std::filesystem::path& partial, std::uint64_t least, const Read& read)
    -> decltype(read(complete)) {
  for (int attempt = 0;; ++attempt) {
    auto whole = read(complete);
    if (whole || whole.error().code != Errc::NotFound) return whole;
    const auto path = find_partial(disk, partial, least);
    if (!path && attempt > 0) return whole;
    if (!path) continue;
    auto part = read(*path);
    if (part && part->size() >= least) return part;
    if (attempt > 2) return fail(Errc::Corrupt, path->string() + " is damaged");
  }
}

}  // namespace

Result<std::vector<Hash>> read_complete_tile(store::Disk& disk, const SealLayout& layout,
                                             unsigned level, std::uint64_t index) {
  const auto path = layout.tile(level, index, kWidth);
  const auto bytes = store::read_file(disk, path, kTileBytes);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() != kTileBytes)
    return fail(Errc::Corrupt, path.string() + " is no complete tile");
  return to_hashes(*bytes);
}

Result<std::vector<Hash>> read_tile(store::Disk& disk, const SealLayout& layout, unsigned level,
                                    std::uint64_t index, std::uint64_t least) {
  const auto complete = layout.tile(level, index, kWidth);
  return read_either(disk, complete, layout.tile(level, index, 1), least,
                     [&](const std::filesystem::path& path) -> Result<std::vector<Hash>> {
                       const auto bytes = store::read_file(disk, path, kTileBytes);
                       if (!bytes) return std::unexpected(bytes.error());
                       if (path == complete && bytes->size() != kTileBytes)
                         return fail(Errc::Corrupt, path.string() + " is no complete tile");
                       return to_hashes(*bytes);
                     });
}

Result<std::vector<std::string>> read_entries(store::Disk& disk, const SealLayout& layout,
                                              std::uint64_t index, std::uint64_t least) {
  return read_either(disk, layout.entries(index, kWidth), layout.entries(index, 1), least,
                     [&](const std::filesystem::path& path) -> Result<std::vector<std::string>> {
                       const auto bytes = store::read_file(disk, path, kEntriesBytes);
                       if (!bytes) return std::unexpected(bytes.error());
                       auto lines = to_lines(*bytes);
                       if (!lines)
                         return fail(Errc::Corrupt, path.string() + " is no bundle of entries");
                       return std::move(*lines);
                     });
}

GrowingTree tree_of_edge(std::uint64_t size, const std::vector<std::vector<Hash>>& edge) {
  std::vector<Hash> subtrees;
  for (std::size_t level = edge.size(); level-- > 0;) {
    std::span<const Hash> rest = edge[level];
    while (!rest.empty()) {
      const std::size_t count = std::bit_floor(rest.size());
      subtrees.push_back(tree_hash(rest.first(count)));
      rest = rest.subspan(count);
    }
  }
  return {size, std::move(subtrees)};
}

}  // namespace alibi::seal
