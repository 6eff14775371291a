#include "store/matcher.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

#include "event/csv.hpp"
#include "store/record_keys.hpp"

namespace alibi::store {
namespace {

constexpr std::size_t kTimeTextBytes = std::string_view("2026-11-22T02:30:10.123456Z").size();

/// True when a field holds `value` byte for byte.
bool stands_as_it_is(std::string_view value) {
  return std::ranges::all_of(
             value,
             [](char byte) {
               return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                      (byte >= '0' && byte <= '9') ||
                      std::string_view("_./:@-[]").find(byte) != std::string_view::npos;
             }) &&
         std::string_view("=+-@").find(value.front()) == std::string_view::npos;
}

/// What a line must contain to have this key; empty: nothing certain.
std::string needle_of(std::string_view key) {
  const auto colon = key.find(':');
  if (colon == std::string_view::npos || colon + 1 == key.size()) return {};
  const auto prefix = key.substr(0, colon);
  const std::string value(key.substr(colon + 1));
  if (!stands_as_it_is(value)) return {};
  if (prefix == "name" && !is_path(value)) return {};  // in any letter case in the log
  if (prefix == "pid") return "," + value + "@";
  if (prefix == "life") return "," + value + ",";
  if (prefix == "kind") return "," + value + ",";
  return value;
}

}  // namespace

Matcher::Matcher(const Hints& hints) : keys_(hints.all_of), from_(hints.from), to_(hints.to) {
  // The time column has microseconds, rounded down.
  if (from_) from_text_ = event::to_text(WallNs{from_->ns + 999});
  if (to_) to_text_ = event::to_text(*to_);
  for (const std::string_view key : keys_) {
    const auto colon = key.find(':');
    const std::size_t value = colon == std::string_view::npos ? 0 : colon + 1;
    key_hashes_.push_back(hash_key(key.substr(0, value), key.substr(value)));
    if (auto needle = needle_of(key); !needle.empty()) needles_.push_back(std::move(needle));
  }
  std::ranges::sort(needles_, std::ranges::greater{}, &std::string::size);
}

bool Matcher::may_match(std::string_view line, std::uint64_t before_seq) const {
  std::uint64_t seq = 0;
  const auto stop = std::from_chars(line.data(), line.data() + line.size(), seq).ptr;
  if (seq >= before_seq) return false;
  const auto rest = line.substr(static_cast<std::size_t>(stop - line.data()));
  if (rest.starts_with(',')) {
    const auto time = rest.substr(1, kTimeTextBytes);
    if (!from_text_.empty() && time < from_text_) return false;
    if (!to_text_.empty() && time > to_text_) return false;
  }
  return std::ranges::all_of(
      needles_, [&](const auto& needle) { return line.find(needle) != std::string_view::npos; });
}

void Matcher::find_lines(const Chunk& chunk, std::uint64_t before_seq,
                         std::vector<Line>& lines) const {
  lines.clear();
  const std::string_view text = chunk.text;
  std::size_t begin = 0;
  while (begin < text.size()) {
    if (!needles_.empty()) {
      // Jump straight to the line with the next occurrence.
      const auto hit = text.find(needles_.front(), begin);
      if (hit == std::string_view::npos) return;
      const auto line_end_before = text.rfind('\n', hit);
      if (line_end_before != std::string_view::npos && line_end_before >= begin)
        begin = line_end_before + 1;
    }
    const auto end = text.find('\n', begin);
    const auto line = text.substr(begin, end - begin);
    const bool is_header = chunk.offset + begin == 0 && line == event::csv_header();
    if (!is_header && may_match(line, before_seq)) lines.push_back({chunk.offset + begin, line});
    begin = end + 1;
  }
}

bool Matcher::matches(const event::Record& record) const {
  if ((from_ && record.time < *from_) || (to_ && record.time > *to_)) return false;
  if (keys_.empty()) return true;
  std::vector<bool> found(keys_.size());
  for_each_key(record, [&](std::string_view prefix, std::string_view value) {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const std::string_view key = keys_[i];
      if (key.size() == prefix.size() + value.size() && key.starts_with(prefix) &&
          key.ends_with(value))
        found[i] = true;
    }
  });
  return std::ranges::all_of(found, std::identity{});
}

bool Matcher::overlaps(WallNs from, WallNs to) const {
  return !(from_ && to < *from_) && !(to_ && from > *to_);
}

}  // namespace alibi::store
