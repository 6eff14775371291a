#pragma once
// The log's tree as C2SP tlog-tiles v0.1: tiles of height 8 and entry bundles.
// Complete ones are written when they fill, partial ones when a checkpoint is
// published. They follow from the leaves and can be made again.
// Thread: one per object.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "seal/digest.hpp"
#include "seal/seal_layout.hpp"
#include "seal/tile_files.hpp"
#include "seal/tree.hpp"
#include "store/disk.hpp"

namespace alibi::seal {

class Tiles {
 public:
  Tiles(store::Disk& disk, SealLayout layout) : disk_(&disk), layout_(std::move(layout)) {}

  /// The right edge of the tree of `size`, from complete tiles and the last
  /// leaves. Errors: NotFound or Corrupt when a tile is missing or damaged; Io.
  Status resume(std::uint64_t size);
  /// The same from all leaves; writes every complete tile again.
  Status rebuild(std::uint64_t size);

  void append(std::string_view leaf_line);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// The tree as it stands.
  [[nodiscard]] GrowingTree tree() const;

  /// Writes complete tiles that wait. Errors: Io; they wait on.
  Status write_complete();
  /// Writes those, and the partial ones. Then a checkpoint of size() can be published.
  Status write_all();

 private:
  void complete(std::size_t level);
  Status write_tile(const std::filesystem::path& path, std::string_view bytes);

  store::Disk* disk_;
  SealLayout layout_;
  std::uint64_t size_ = 0;
  std::vector<std::vector<Hash>> edge_;  ///< by level: hashes of the tile that fills
  std::string bundle_;                   ///< entries of the tile that fills on level 0
  std::vector<std::pair<std::filesystem::path, std::string>> waiting_;
  std::vector<std::filesystem::path> partial_;  ///< as written last
};

}  // namespace alibi::seal
