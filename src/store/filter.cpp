#include "store/filter.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstddef>
#include <string>

namespace alibi::store {
namespace {

constexpr unsigned kProbes = 7;
constexpr unsigned kBlockBits = 15 * 32;

/// Calls `visit(word, mask)` for each bit of `key`. The low half of the hash
/// chose the block, so the bits come from a remix of the whole.
template <typename Visit>
void for_each_bit(KeyHash key, Visit&& visit) {
  std::uint64_t mix = (key ^ key >> 32) * 0x9E3779B97F4A7C15ULL;
  for (unsigned i = 0; i < kProbes; ++i) {
    const auto bit = static_cast<unsigned>((mix & 511) * kBlockBits >> 9);
    visit(bit / 32, 1U << bit % 32);
    mix >>= 9;
  }
}

std::uint64_t count_bits(std::span<const FilterBlock> blocks) {
  std::uint64_t count = 0;
  for (const auto& block : blocks) {
    for (const auto word : block.bits)
      count += static_cast<std::uint64_t>(std::popcount(word));
  }
  return count;
}

}  // namespace

KeyHash hash_key(std::string_view prefix, std::string_view value) {
  const KeyHash seed = ::XXH3_64bits(prefix.data(), prefix.size());
  return ::XXH3_64bits_withSeed(value.data(), value.size(), seed);
}

std::uint64_t checksum(std::string_view bytes) { return ::XXH3_64bits(bytes.data(), bytes.size()); }

std::uint32_t FilterBlock::expected_check(std::uint32_t number) const {
  return static_cast<std::uint32_t>(::XXH3_64bits_withSeed(bits.data(), sizeof bits, number));
}

std::uint32_t block_of(KeyHash key, std::uint32_t block_count) {
  return static_cast<std::uint32_t>(key) & (block_count - 1);
}

bool may_contain(const FilterBlock& block, std::uint32_t number, KeyHash key) {
  if (block.check != block.expected_check(number)) return true;
  bool all = true;
  for_each_bit(
      key, [&](unsigned word, std::uint32_t mask) { all = all && (block.bits[word] & mask) != 0; });
  return all;
}

void FilterBuilder::add(KeyHash key) {
  FilterBlock& block = blocks_[block_of(key, static_cast<std::uint32_t>(blocks_.size()))];
  for_each_bit(key, [&](unsigned word, std::uint32_t mask) { block.bits[word] |= mask; });
}

std::vector<FilterBlock> FilterBuilder::finish() {
  std::vector<FilterBlock> result = blocks_;
  // Laying the upper half over the lower keeps every answer right and makes the
  // filter as small as half-filled bits allow: below 1 % wrong "perhaps".
  while (result.size() > 1) {
    const double filled =
        static_cast<double>(count_bits(result)) / static_cast<double>(result.size() * kBlockBits);
    if (filled > 0.28) break;
    const std::size_t half = result.size() / 2;
    for (std::size_t i = 0; i < half; ++i) {
      for (std::size_t word = 0; word < result[i].bits.size(); ++word)
        result[i].bits[word] |= result[i + half].bits[word];
    }
    result.resize(half);
  }
  for (std::uint32_t number = 0; number < result.size(); ++number) {
    result[number].check = result[number].expected_check(number);
  }
  std::vector<FilterBlock>(blocks_.size()).swap(blocks_);
  return result;
}

}  // namespace alibi::store
