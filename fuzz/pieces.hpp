#pragma once
// For fuzzers of head parsers: the input is cut into pieces, some of which are
// missing, as its own first byte says.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/head_parser.hpp"

namespace alibi::packet {

class NoSink : public FindingSink {
 public:
  void tell(Finding finding) override { bytes_ += finding.fields.size() + finding.message.size(); }

 private:
  std::size_t bytes_ = 0;
};

/// Calls `read(piece)` or `miss(count)` until one says false.
template <typename Read, typename Miss>
void in_pieces(std::span<const std::byte> bytes, Read read, Miss miss) {
  if (bytes.empty()) return;
  const auto how = std::to_integer<unsigned>(bytes.front());
  bytes = bytes.subspan(1);
  const std::size_t size = 1 + (how & 0x1fU) * (how & 0x1fU);
  for (unsigned i = 0; !bytes.empty(); ++i) {
    const auto piece = bytes.first(std::min(size, bytes.size()));
    bytes = bytes.subspan(piece.size());
    const bool is_missing = (how & 0x80U) != 0 && i % 5 == 4;
    if (is_missing ? !miss(piece.size()) : !read(piece)) return;
  }
}

/// The parser gets all that it takes, and its end.
inline void read_in_pieces(HeadParser& parser, std::span<const std::byte> bytes) {
  in_pieces(
      bytes, [&](auto piece) { return parser.take(piece).next == Next::Same; },
      [&](std::size_t count) { return parser.skip(count) == Next::Same; });
  parser.end();
  (void)parser.kept_bytes();
}

}  // namespace alibi::packet
