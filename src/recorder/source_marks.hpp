#pragma once
// Which kernel records the log has already, after a restart: a number for each,
// made of ring, CPU, number there and time (numbers begin again with new rings).

#include <algorithm>
#include <cstdint>
#include <vector>

#include "event/record.hpp"

namespace alibi::recorder {

class SourceMarks {
 public:
  void add(const event::Source& source, BootNs boot) { marks_.push_back(mark(source, boot)); }
  /// After the last add(), before contains().
  void sort() { std::ranges::sort(marks_); }
  [[nodiscard]] bool contains(const event::Source& source, BootNs boot) const {
    return !marks_.empty() && std::ranges::binary_search(marks_, mark(source, boot));
  }
  void clear() { marks_ = {}; }

 private:
  static std::uint64_t mark(const event::Source& source, BootNs boot) {
    const std::uint64_t place = static_cast<std::uint64_t>(source.ring & 3) << 62 |
                                static_cast<std::uint64_t>(source.cpu) << 48 |
                                (source.number & ((1ULL << 48) - 1));
    return place ^ boot.ns * 0x9E3779B97F4A7C15ULL;
  }
  std::vector<std::uint64_t> marks_;
};

}  // namespace alibi::recorder
