// Any bytes as the files of a disclosure bundle. The first byte says as which. What
// is accepted has the order and the bounds that the steps after it rely on.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "verify/bundle_parse.hpp"
#include "verify/pruned_growth.hpp"

namespace {

using namespace alibi;

void check_items(std::string_view text) {
  const auto items = verify::parse_items(text);
  if (!items) return;
  for (const auto& [leaf, block] : *items) {
    ALIBI_CHECK(!block.shown.empty() || !block.hidden.empty());
    std::map<std::uint64_t, seal::Hash> shown;
    for (const auto& [item, salts] : block.shown) {
      ALIBI_CHECK(!salts.empty() && salts.size() <= 8 && salts.front().size() == 16);
      shown.emplace(item, seal::Hash{});
    }
    (void)seal::root_of_pruned(shown, block.hidden, 65536);
  }
}

void check_tree(std::string_view text) {
  const auto ranges = verify::parse_tree(text);
  if (!ranges) return;
  for (const auto& range : *ranges)
    ALIBI_CHECK(range.from < range.to);
  const std::map<std::uint64_t, seal::Hash> shown = {{0, {}}, {5, {}}};
  (void)seal::root_of_pruned(shown, *ranges, 1ULL << 62);
  (void)verify::roots_of(shown, *ranges, {1, 6});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0: check_items(text); break;
    case 1: check_tree(text); break;
    case 2: (void)verify::parse_leaf_lines(text); break;
    case 3: (void)verify::parse_claims(text); break;
    case 4: (void)verify::parse_packets(text); break;
    case 5: (void)verify::parse_sums(text); break;
    default: (void)verify::parse_tlog_proof(text);
  }
  return 0;
}
