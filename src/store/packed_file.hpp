#pragma once
// Reads a packed segment (.csv.zst): independent zstd frames of whole lines,
// then one skippable frame with the blocks. docs/log-format.md section 5.
//
// Every byte is checked before it is used: sizes are bounded, each frame has a
// checksum. Thread: one per object. Memory: one frame.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "event/record.hpp"
#include "store/blocks.hpp"
#include "store/chunks.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"

namespace alibi::store {

/// Where a frame of lines is.
struct FrameSpan {
  std::uint64_t file_offset = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t csv_offset = 0;
  std::uint64_t csv_bytes = 0;
};

/// A part of the file that is no frame.
struct BadSpan {
  std::uint64_t file_offset = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t csv_offset = 0;  ///< where the missing lines would begin
};

struct FrameMap {
  std::vector<FrameSpan> frames;
  std::vector<BadSpan> bad;
  std::optional<std::vector<Block>> blocks;  ///< empty: the last frame is missing or damaged
};

class PackedFile {
 public:
  static Result<PackedFile> open(Disk& disk, const std::filesystem::path& path);

  /// Walks the whole file. Errors: Io.
  [[nodiscard]] Result<FrameMap> map_frames();
  /// The last frame that begins at or before `offset` of what is packed, as far as the frames
  /// say how much they hold; the beginning of the file otherwise. Errors: Io.
  [[nodiscard]] Result<FrameSpan> frame_of(std::uint64_t offset);
  /// The lines of one frame, until the next call. Errors: Io; Corrupt when the
  /// frame is not what `span` says, fails its checksum or ends within a line.
  [[nodiscard]] Result<Chunk> load(const FrameSpan& span);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  PackedFile(Disk& disk, UniqueFd fd, std::uint64_t bytes)
      : disk_(&disk), fd_(std::move(fd)), bytes_(bytes) {}
  Result<std::string_view> read(std::uint64_t offset, std::uint64_t bytes);
  Result<std::uint64_t> frame_bytes_at(std::uint64_t offset);
  Result<std::uint64_t> find_magic(std::uint64_t offset);

  Disk* disk_;
  UniqueFd fd_;
  std::uint64_t bytes_;
  std::string packed_;
  std::string text_;
};

/// One frame holding `text`, with content size and checksum.
[[nodiscard]] Result<std::string> pack_frame(std::string_view text, int level);
/// The skippable frame that lists `blocks`.
[[nodiscard]] Result<std::string> pack_blocks(const std::vector<Block>& blocks);

/// The newest record of a packed segment. Errors: Io; Corrupt when its number
/// cannot be told with certainty.
[[nodiscard]] Result<event::Record> last_record_of(Disk& disk, const Layout& layout,
                                                   std::uint64_t first_seq);

}  // namespace alibi::store
