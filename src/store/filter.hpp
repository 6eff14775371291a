#pragma once
// A Bloom filter over record keys, in blocks of one cache line, each with its
// own check value: a damaged block answers "perhaps", never "no".
// docs/log-format.md section 6.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace alibi::store {

using KeyHash = std::uint64_t;
[[nodiscard]] KeyHash hash_key(std::string_view prefix, std::string_view value);
/// Of any bytes; guards index files against damage, not against forgery.
[[nodiscard]] std::uint64_t checksum(std::string_view bytes);

struct FilterBlock {
  std::array<std::uint32_t, 15> bits{};
  std::uint32_t check = 0;

  [[nodiscard]] std::uint32_t expected_check(std::uint32_t number) const;
};
static_assert(sizeof(FilterBlock) == 64);

/// Which block of `block_count` (a power of two) holds `key`.
[[nodiscard]] std::uint32_t block_of(KeyHash key, std::uint32_t block_count);
/// True when `key` may be in the filter that `block`, its block number `number`, is of.
[[nodiscard]] bool may_contain(const FilterBlock& block, std::uint32_t number, KeyHash key);

class FilterBuilder {
 public:
  /// `max_blocks`, a power of two, bounds memory; the result is as small as
  /// its keys allow.
  explicit FilterBuilder(std::uint32_t max_blocks) : blocks_(max_blocks) {}

  void add(KeyHash key);
  /// The finished blocks; their number is a power of two. Leaves the builder empty.
  [[nodiscard]] std::vector<FilterBlock> finish();

 private:
  std::vector<FilterBlock> blocks_;
};

}  // namespace alibi::store
