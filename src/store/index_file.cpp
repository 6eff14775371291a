#include "store/index_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>

#include "store/record_keys.hpp"

namespace alibi::store {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

constexpr std::string_view kMagic = "ALIBIIX1";
constexpr std::uint32_t kFrameFilterBlocks = 1024;     // 64 KiB: 50,000 keys at 1 % error
constexpr std::uint32_t kSegmentFilterBlocks = 32768;  // 2 MiB: 1.6 million keys at 1 % error
constexpr std::uint32_t kMaxFrames = 1U << 20;

std::string_view bytes_of(std::span<const IndexFrame> frames) {
  return {reinterpret_cast<const char*>(frames.data()), frames.size_bytes()};
}

std::uint64_t checksum_of(const IndexHead& head, std::span<const IndexFrame> frames) {
  constexpr std::size_t kFrom = offsetof(IndexHead, packed_bytes);
  std::string bytes(reinterpret_cast<const char*>(&head) + kFrom, sizeof head - kFrom);
  return checksum(bytes.append(bytes_of(frames)));
}

void widen(std::int64_t at, std::int64_t& from, std::int64_t& to) {
  from = std::min(from, at);
  to = std::max(to, at);
}

IndexFrame empty_frame() {
  IndexFrame frame;
  frame.from_ns = std::numeric_limits<std::int64_t>::max();
  frame.to_ns = std::numeric_limits<std::int64_t>::min();
  return frame;
}

Status read_exactly(Disk& disk, int fd, std::uint64_t offset, void* to, std::size_t bytes) {
  std::size_t done = 0;
  while (done < bytes) {
    const auto got = disk.read(fd, {static_cast<char*>(to) + done, bytes - done}, offset + done);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return fail(Errc::Corrupt, "the index is cut short");
    done += *got;
  }
  return {};
}

}  // namespace

IndexBuilder::IndexBuilder(std::string_view boot_id)
    : frame_(empty_frame()),
      frame_filter_(kFrameFilterBlocks),
      segment_filter_(kSegmentFilterBlocks) {
  kMagic.copy(head_.magic, sizeof head_.magic);
  boot_id.copy(head_.boot_id, sizeof head_.boot_id - 1);
  head_.from_ns = frame_.from_ns;
  head_.to_ns = frame_.to_ns;
}

void IndexBuilder::add(const event::Record& record) {
  widen(record.time.ns, frame_.from_ns, frame_.to_ns);
  if (head_.first_seq == 0) head_.first_seq = record.seq;
  head_.last_seq = record.seq;
  for_each_key(record, [&](std::string_view prefix, std::string_view value) {
    const KeyHash key = hash_key(prefix, value);
    frame_filter_.add(key);
    segment_filter_.add(key);
  });
}

void IndexBuilder::end_frame(const FrameSpan& span) {
  const auto blocks = frame_filter_.finish();
  frame_.span = span;
  frame_.filter_offset = filters_.size();  // from the first filter on, until finish knows the rest
  frame_.filter_blocks = static_cast<std::uint32_t>(blocks.size());
  filters_.append(reinterpret_cast<const char*>(blocks.data()),
                  blocks.size() * sizeof(FilterBlock));
  widen(frame_.from_ns, head_.from_ns, head_.to_ns);
  widen(frame_.to_ns, head_.from_ns, head_.to_ns);
  frames_.push_back(std::exchange(frame_, empty_frame()));
}

std::string IndexBuilder::finish(std::uint64_t packed_bytes) {
  const auto blocks = segment_filter_.finish();
  const std::uint64_t filters_begin = sizeof head_ + frames_.size() * sizeof(IndexFrame);
  for (auto& frame : frames_)
    frame.filter_offset += filters_begin;
  head_.packed_bytes = packed_bytes;
  head_.frames = static_cast<std::uint32_t>(frames_.size());
  head_.filter_offset = filters_begin + filters_.size();
  head_.filter_blocks = static_cast<std::uint32_t>(blocks.size());
  head_.checksum = checksum_of(head_, frames_);
  std::string bytes(reinterpret_cast<const char*>(&head_), sizeof head_);
  bytes.append(bytes_of(frames_)).append(filters_);
  return bytes.append(reinterpret_cast<const char*>(blocks.data()),
                      blocks.size() * sizeof(FilterBlock));
}

Result<Index> Index::open(Disk& disk, const std::filesystem::path& path,
                          std::uint64_t packed_bytes) {
  auto fd = disk.open(path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  Index index(disk, std::move(*fd));
  IndexHead& head = index.head_;
  if (auto done = read_exactly(disk, index.fd_.get(), 0, &head, sizeof head); !done)
    return std::unexpected(done.error());
  const bool is_ours = std::string_view(head.magic, sizeof head.magic) == kMagic;
  if (!is_ours || head.packed_bytes != packed_bytes || head.frames > kMaxFrames ||
      head.boot_id[sizeof head.boot_id - 1] != '\0') {
    return fail(Errc::Corrupt, path.string() + " is no index of its segment");
  }
  index.frames_.resize(head.frames);
  if (auto done = read_exactly(disk, index.fd_.get(), sizeof head, index.frames_.data(),
                               head.frames * sizeof(IndexFrame));
      !done) {
    return std::unexpected(done.error());
  }
  if (head.checksum != checksum_of(head, index.frames_))
    return fail(Errc::Corrupt, path.string() + " is damaged");
  return index;
}

bool Index::filter_may_match(const Matcher& matcher, std::uint64_t offset,
                             std::uint32_t blocks) const {
  if (!std::has_single_bit(blocks)) return true;
  return std::ranges::all_of(matcher.key_hashes(), [&](KeyHash key) {
    const std::uint32_t number = block_of(key, blocks);
    FilterBlock block;
    const auto read =
        read_exactly(*disk_, fd_.get(), offset + number * sizeof block, &block, sizeof block);
    return !read || may_contain(block, number, key);
  });
}

bool Index::may_match(const Matcher& matcher) const {
  return matcher.overlaps({head_.from_ns}, {head_.to_ns}) &&
         filter_may_match(matcher, head_.filter_offset, head_.filter_blocks);
}

bool Index::may_match(const Matcher& matcher, const IndexFrame& frame) const {
  return matcher.overlaps({frame.from_ns}, {frame.to_ns}) &&
         filter_may_match(matcher, frame.filter_offset, frame.filter_blocks);
}

}  // namespace alibi::store
