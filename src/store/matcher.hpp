#pragma once
// Decides whether a line can match Hints, cheaply before it is parsed and
// exactly after.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/record.hpp"
#include "store/chunks.hpp"
#include "store/filter.hpp"
#include "store/log_reader.hpp"

namespace alibi::store {

class Matcher {
 public:
  explicit Matcher(const Hints& hints);

  /// Lines of `chunk` that may match, in file order, without their LF. Lines
  /// numbered `before_seq` or above are not part of the segment any more
  /// (docs/log-format.md section 4).
  struct Line {
    std::uint64_t offset = 0;
    std::string_view text;
  };
  void find_lines(const Chunk& chunk, std::uint64_t before_seq, std::vector<Line>& lines) const;

  /// True when `record` matches every key and the time range.
  [[nodiscard]] bool matches(const event::Record& record) const;

  /// Of all keys, as the filters know them.
  [[nodiscard]] const std::vector<KeyHash>& key_hashes() const { return key_hashes_; }
  /// True when something between `from` and `to` can match.
  [[nodiscard]] bool overlaps(WallNs from, WallNs to) const;

 private:
  [[nodiscard]] bool may_match(std::string_view line, std::uint64_t before_seq) const;

  std::vector<std::string> keys_;
  std::vector<KeyHash> key_hashes_;
  std::optional<WallNs> from_;
  std::optional<WallNs> to_;
  std::string from_text_;  ///< as the time column stands in a line; empty: open
  std::string to_text_;
  std::vector<std::string> needles_;  ///< bytes a matching line contains, rarest first
};

}  // namespace alibi::store
