#pragma once
// Filters over a packed segment (.idx): which frames can hold what is asked
// for. A hint only, made from the segment and never instead of it; missing or
// damaged parts answer "perhaps". docs/log-format.md section 6.
//
// Thread: one per object.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "event/record.hpp"
#include "store/disk.hpp"
#include "store/filter.hpp"
#include "store/matcher.hpp"
#include "store/packed_file.hpp"

namespace alibi::store {

/// As in the file, little-endian.
struct IndexFrame {
  FrameSpan span;
  std::int64_t from_ns = 0;  ///< earliest and latest wall time of its records
  std::int64_t to_ns = 0;
  std::uint64_t filter_offset = 0;  ///< in the index file
  std::uint32_t filter_blocks = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(IndexFrame) == 64);

struct IndexHead {
  char magic[8] = {};
  std::uint64_t checksum = 0;      ///< of the rest of the head and the frame table
  std::uint64_t packed_bytes = 0;  ///< size of the file it was made from
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
  std::uint64_t filter_offset = 0;  ///< of the filter over the whole segment
  std::uint32_t filter_blocks = 0;
  std::uint32_t frames = 0;
  char boot_id[40] = {};
};
static_assert(sizeof(IndexHead) == 112);

class IndexBuilder {
 public:
  explicit IndexBuilder(std::string_view boot_id);

  /// A record of the frame being filled.
  void add(const event::Record& record);
  void end_frame(const FrameSpan& span);
  /// The bytes of the file.
  [[nodiscard]] std::string finish(std::uint64_t packed_bytes);

 private:
  IndexHead head_;
  std::vector<IndexFrame> frames_;
  IndexFrame frame_;
  FilterBuilder frame_filter_;
  FilterBuilder segment_filter_;
  std::string filters_;
};

class Index {
 public:
  /// Errors: NotFound; Corrupt (also when it belongs to another file); Io.
  static Result<Index> open(Disk& disk, const std::filesystem::path& path,
                            std::uint64_t packed_bytes);

  [[nodiscard]] const IndexHead& head() const { return head_; }
  [[nodiscard]] std::string_view boot_id() const { return head_.boot_id; }
  [[nodiscard]] const std::vector<IndexFrame>& frames() const { return frames_; }

  [[nodiscard]] bool may_match(const Matcher& matcher) const;
  [[nodiscard]] bool may_match(const Matcher& matcher, const IndexFrame& frame) const;

 private:
  Index(Disk& disk, UniqueFd fd) : disk_(&disk), fd_(std::move(fd)) {}
  [[nodiscard]] bool filter_may_match(const Matcher& matcher, std::uint64_t offset,
                                      std::uint32_t blocks) const;

  Disk* disk_;
  UniqueFd fd_;
  IndexHead head_;
  std::vector<IndexFrame> frames_;
};

}  // namespace alibi::store
