#include "store/packed_file.hpp"

#include <fcntl.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "event/csv.hpp"

namespace alibi::store {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats below are little-endian");

constexpr std::uint32_t kBlocksMagic = 0x184D2A5A;  // one of zstd's skippable frames
constexpr std::string_view kBlocksTag = "ALIBIBL1";
constexpr std::size_t kSkippableHeadBytes = 8;
constexpr std::uint64_t kWindowBytes = 1ULL << 20;
constexpr std::uint64_t kFrameWindowBytes = 256ULL << 10;  // most frames are not larger
/// A frame holds a block more than 1 MiB at most, and a block a line more than its limit.
constexpr std::uint64_t kMaxFrameBytes = 2 * kMaxLineBytes;
constexpr std::uint64_t kMaxBlocksBytes = 64ULL << 20;

std::uint32_t little32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::unexpected<Error> corrupt(const char* what) { return fail(Errc::Corrupt, what); }

Result<std::string> unpack(std::string_view packed, std::uint64_t limit) {
  const auto size = ::ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > limit) {
    return corrupt("a frame has no sane size");
  }
  std::string text(size, '\0');
  const auto got = ::ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  if (::ZSTD_isError(got) || got != size)
    return corrupt("a frame does not decompress, or its checksum is wrong");
  return text;
}

std::optional<std::vector<Block>> unpack_blocks(std::string_view frame) {
  if (frame.size() < kSkippableHeadBytes || little32(frame, 0) != kBlocksMagic) return std::nullopt;
  const auto content = frame.substr(kSkippableHeadBytes);
  if (!content.starts_with(kBlocksTag)) return std::nullopt;
  const auto text = unpack(content.substr(kBlocksTag.size()), kMaxBlocksBytes);
  if (!text) return std::nullopt;
  std::size_t used = 0;
  auto blocks = parse_blocks(*text, UINT64_MAX, used);
  if (used != text->size()) return std::nullopt;
  return blocks;
}

}  // namespace

Result<PackedFile> PackedFile::open(Disk& disk, const std::filesystem::path& path) {
  auto fd = disk.open(path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  const auto bytes = disk.size(fd->get());
  if (!bytes) return std::unexpected(bytes.error());
  return PackedFile(disk, std::move(*fd), *bytes);
}

Result<std::string_view> PackedFile::read(std::uint64_t offset, std::uint64_t bytes) {
  packed_.resize(std::min(bytes, bytes_ - std::min(offset, bytes_)));
  std::size_t done = 0;
  while (done < packed_.size()) {
    const auto got = disk_->read(fd_.get(), std::span(packed_).subspan(done), offset + done);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    done += *got;
  }
  packed_.resize(done);
  return std::string_view(packed_);
}

Result<std::uint64_t> PackedFile::frame_bytes_at(std::uint64_t offset) {
  for (std::uint64_t window = kFrameWindowBytes;; window *= 2) {
    const auto bytes = read(offset, window);
    if (!bytes) return std::unexpected(bytes.error());
    const auto size = ::ZSTD_findFrameCompressedSize(bytes->data(), bytes->size());
    if (!::ZSTD_isError(size)) return size;
    const bool is_cut = ::ZSTD_getErrorCode(size) == ZSTD_error_srcSize_wrong;
    if (!is_cut || offset + bytes->size() >= bytes_ || window > kMaxFrameBytes)
      return corrupt("no frame begins here");
  }
}

Result<std::uint64_t> PackedFile::find_magic(std::uint64_t offset) {
  static constexpr std::array<char, 4> kFrame = {'\x28', '\xb5', '\x2f', '\xfd'};
  static constexpr std::array<char, 4> kSkippable = {'\x5a', '\x2a', '\x4d', '\x18'};
  while (offset < bytes_) {
    const auto bytes = read(offset, kWindowBytes);
    if (!bytes) return std::unexpected(bytes.error());
    const auto hit = std::min(bytes->find(std::string_view(kFrame.data(), kFrame.size())),
                              bytes->find(std::string_view(kSkippable.data(), kSkippable.size())));
    if (hit != std::string_view::npos) return offset + hit;
    if (bytes->size() < kWindowBytes) break;
    offset += bytes->size() - (kFrame.size() - 1);  // a magic may lie across the border
  }
  return bytes_;
}

Result<FrameMap> PackedFile::map_frames() {
  FrameMap map;
  std::uint64_t csv_offset = 0;
  std::uint64_t at = 0;
  while (at < bytes_) {
    const auto size = frame_bytes_at(at);
    if (!size && size.error().code != Errc::Corrupt) return std::unexpected(size.error());
    if (size) {
      const std::string_view frame = std::string_view(packed_).substr(0, *size);
      const auto content = ::ZSTD_getFrameContentSize(frame.data(), frame.size());
      if (auto blocks = unpack_blocks(frame)) {
        map.blocks = std::move(*blocks);
        at += *size;
        continue;
      }
      if (content != 0 && content <= kMaxFrameBytes) {  // the error values are huge
        map.frames.push_back({at, *size, csv_offset, content});
        csv_offset += content;
        at += *size;
        continue;
      }
    }
    const auto next = find_magic(at + 1);
    if (!next) return std::unexpected(next.error());
    map.bad.push_back({at, *next - at, csv_offset});
    at = *next;
  }
  return map;
}

Result<FrameSpan> PackedFile::frame_of(std::uint64_t offset) {
  FrameSpan span;
  while (span.file_offset < bytes_) {
    const auto size = frame_bytes_at(span.file_offset);
    if (!size && size.error().code != Errc::Corrupt) return std::unexpected(size.error());
    if (!size) break;
    const auto content = ::ZSTD_getFrameContentSize(packed_.data(), *size);
    if (content > kMaxFrameBytes) break;  // the error values are huge
    span.file_bytes = *size;
    span.csv_bytes = content;
    if (span.csv_offset + content > offset) break;
    span.file_offset += *size;
    span.csv_offset += content;
  }
  return span;
}

Result<Chunk> PackedFile::load(const FrameSpan& span) {
  if (span.file_bytes > 2 * kMaxFrameBytes || span.file_offset > bytes_ ||
      span.file_bytes > bytes_ - span.file_offset) {
    return corrupt("a frame reaches beyond the file");
  }
  const auto packed = read(span.file_offset, span.file_bytes);
  if (!packed) return std::unexpected(packed.error());
  auto text = unpack(*packed, kMaxFrameBytes);
  if (!text) return std::unexpected(text.error());
  if (text->size() != span.csv_bytes || !text->ends_with('\n'))
    return corrupt("a frame does not hold whole lines");
  text_ = std::move(*text);
  return Chunk{span.csv_offset, text_};
}

Result<std::string> pack_frame(std::string_view text, int level) {
  ZSTD_CCtx* const context = ::ZSTD_createCCtx();
  if (!context) return fail(Errc::Internal, "no memory to compress");
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string packed(::ZSTD_compressBound(text.size()), '\0');
  const auto size =
      ::ZSTD_compress2(context, packed.data(), packed.size(), text.data(), text.size());
  ::ZSTD_freeCCtx(context);
  if (::ZSTD_isError(size))
    return fail(Errc::Internal, std::string("compress: ") + ::ZSTD_getErrorName(size));
  packed.resize(size);
  return packed;
}

Result<std::string> pack_blocks(const std::vector<Block>& blocks) {
  std::string text;
  for (const auto& block : blocks)
    append_block(text, block);
  const auto packed = pack_frame(text, 9);
  if (!packed) return packed;
  const std::uint32_t head[2] = {kBlocksMagic,
                                 static_cast<std::uint32_t>(kBlocksTag.size() + packed->size())};
  std::string frame(kSkippableHeadBytes, '\0');
  std::memcpy(frame.data(), head, sizeof head);
  return frame.append(kBlocksTag).append(*packed);
}

Result<event::Record> last_record_of(Disk& disk, const Layout& layout, std::uint64_t first_seq) {
  const auto path = layout.packed(first_seq);
  const auto unreadable = [&](const std::string& why) {
    return fail(
        Errc::Corrupt,
        path.string() + " is damaged at its end (" + why +
            "), so the next record number is unknown; move the file away, or record elsewhere");
  };
  auto file = PackedFile::open(disk, path);
  if (!file) return std::unexpected(file.error());
  const auto map = file->map_frames();
  if (!map) return std::unexpected(map.error());
  if (map->frames.empty() || !map->blocks) return unreadable("frames are missing");
  const auto chunk = file->load(map->frames.back());
  if (!chunk) return unreadable(chunk.error().message);
  const auto lines = chunk->text.substr(0, chunk->text.size() - 1);
  auto record = event::parse_csv(lines.substr(lines.rfind('\n') + 1));
  if (!record) return unreadable(record.error().message);
  return record;
}

}  // namespace alibi::store
