#pragma once
// Reads a text file in runs of whole lines, forwards or backwards, without ever
// holding more than one run. What follows the last LF is not a line yet (or no
// more) and is never returned.
//
// Thread: one. Errors: Io; Corrupt for a line longer than kMaxLineBytes.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "store/disk.hpp"

namespace alibi::store {

/// A run of whole lines, each ending in LF. Valid until the next call.
struct Chunk {
  std::uint64_t offset = 0;  ///< of its first byte in the CSV
  std::string_view text;     ///< empty: no more
};

class ForwardChunks {
 public:
  /// Reads from `offset`, which must be the beginning of a line. `fd` is lent.
  ForwardChunks(Disk& disk, int fd, std::uint64_t offset) : disk_(disk), fd_(fd), next_(offset) {}

  /// After an empty chunk more may follow later if the file grew.
  [[nodiscard]] Result<Chunk> next();
  /// Offset after the last line returned.
  [[nodiscard]] std::uint64_t end() const { return next_; }

 private:
  Disk& disk_;
  int fd_;
  std::uint64_t next_;
  std::string buffer_;
};

class BackwardChunks {
 public:
  /// Reads the lines that lie wholly before `end`.
  BackwardChunks(Disk& disk, int fd, std::uint64_t end) : disk_(disk), fd_(fd), end_(end) {}

  [[nodiscard]] Result<Chunk> next();

 private:
  Disk& disk_;
  int fd_;
  std::uint64_t end_;
  std::string buffer_;
};

/// Calls `visit(line without LF, offset)` for each line of a chunk.
template <typename Visit>
void for_each_line(const Chunk& chunk, Visit&& visit) {
  std::size_t begin = 0;
  while (begin < chunk.text.size()) {
    const std::size_t end = chunk.text.find('\n', begin);
    visit(chunk.text.substr(begin, end - begin), chunk.offset + begin);
    begin = end + 1;
  }
}

}  // namespace alibi::store
