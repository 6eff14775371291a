#include "store/chunks.hpp"

#include <algorithm>

#include "store/layout.hpp"

namespace alibi::store {
namespace {

constexpr std::size_t kChunkBytes = 1U << 20;

/// Fills `buffer` from `offset`; it becomes shorter where the file ends.
Status read_at(Disk& disk, int fd, std::uint64_t offset, std::string& buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const auto got = disk.read(fd, std::span(buffer).subspan(done), offset + done);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    done += *got;
  }
  buffer.resize(done);
  return {};
}

std::unexpected<Error> line_too_long(std::uint64_t offset) {
  return fail(Errc::Corrupt,
              "line at byte " + std::to_string(offset) + " is longer than a line can be");
}

}  // namespace

Result<Chunk> ForwardChunks::next() {
  for (std::size_t want = kChunkBytes;; want *= 2) {
    buffer_.resize(want);
    if (auto read = read_at(disk_, fd_, next_, buffer_); !read)
      return std::unexpected(read.error());
    const auto last = buffer_.rfind('\n');
    if (last != std::string::npos) {
      const Chunk chunk{next_, std::string_view(buffer_).substr(0, last + 1)};
      next_ += chunk.text.size();
      return chunk;
    }
    if (buffer_.size() < want) return Chunk{next_, {}};
    if (want >= kMaxLineBytes) return line_too_long(next_);
  }
}

Result<Chunk> BackwardChunks::next() {
  for (std::size_t want = kChunkBytes;; want *= 2) {
    const std::uint64_t begin = end_ - std::min<std::uint64_t>(want, end_);
    buffer_.resize(end_ - begin);
    if (auto read = read_at(disk_, fd_, begin, buffer_); !read)
      return std::unexpected(read.error());
    // The first run ends where the last LF is; the others begin where it left off.
    const auto last = buffer_.rfind('\n');
    const auto first = begin == 0 ? std::string::npos : buffer_.find('\n');
    const std::size_t from = begin == 0 ? 0 : first + 1;
    if (last != std::string::npos && from <= last) {
      const Chunk chunk{begin + from, std::string_view(buffer_).substr(from, last + 1 - from)};
      end_ = begin + from;
      return chunk;
    }
    if (begin == 0) return Chunk{};
    if (want >= 2 * kMaxLineBytes) return line_too_long(begin);
  }
}

}  // namespace alibi::store
