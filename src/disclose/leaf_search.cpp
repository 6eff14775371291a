#include "disclose/leaf_search.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include "disclose/third_parties.hpp"
#include "seal/leaf.hpp"

namespace alibi::disclose {
namespace {

/// Leaves [from, before), the last one first, until `visit` says no.
Status visit_back(seal::LeafTree& leaves, std::uint64_t from, std::uint64_t before,
                  const std::function<bool(std::uint64_t, std::string_view)>& visit) {
  while (before > from) {
    const std::uint64_t index = (before - 1) / seal::kTileLeaves;
    const std::uint64_t first = index * seal::kTileLeaves;
    const auto lines = leaves.bundle(index);
    if (!lines) return std::unexpected(lines.error());
    for (; before > std::max(first, from); --before) {
      if (!visit(before - 1, (*lines)->at(before - 1 - first))) return {};
    }
  }
  return {};
}

/// The last `receipt` leaf about a time stamp, or about a cosignature, before leaf `before`.
Status add_receipt(seal::LeafTree& leaves, bool is_stamp, std::uint64_t from, std::uint64_t before,
                   std::set<std::uint64_t>& to) {
  return visit_back(leaves, from, before, [&](std::uint64_t index, std::string_view line) {
    if (!line.starts_with("receipt,")) return true;
    const auto leaf = seal::Leaf::from_line(line);
    const std::string* kind = leaf ? leaf->find("kind") : nullptr;
    if (kind == nullptr || (*kind == "timestamp") != is_stamp) return true;
    to.insert(index);
    return false;
  });
}

}  // namespace

Result<std::set<std::uint64_t>> find_leaves(seal::LeafTree& leaves, const seal::SealLayout& layout,
                                            std::span<const std::uint64_t> records) {
  std::set<std::uint64_t> found;
  for (const std::uint64_t record : records) {
    const auto block = seal::find_block(leaves, seal::Stream::Events, record);
    if (!block) return std::unexpected(block.error());
    if (!*block) return fail(Errc::NotFound, "record " + std::to_string(record) + " is not sealed");
    found.insert(**block);
  }
  if (found.empty()) return found;
  const auto first = first_answers(layout);
  if (!first) return std::unexpected(first.error());
  const std::uint64_t before = *found.begin();
  for (const auto& [is_stamp, from] :
       {std::pair(false, first->cosigned), std::pair(true, first->stamped)}) {
    if (!from) continue;
    if (auto done = add_receipt(leaves, is_stamp, *from, before, found); !done)
      return std::unexpected(done.error());
  }
  return found;
}

Result<std::set<std::uint64_t>> find_last_epochs(seal::LeafTree& leaves) {
  std::set<std::uint64_t> found;
  const auto done = visit_back(leaves, 0, leaves.size(), [&](std::uint64_t index, auto line) {
    if (line.starts_with("epoch,")) found.insert(index);
    return found.size() < 2;
  });
  if (!done) return std::unexpected(done.error());
  return found;
}

}  // namespace alibi::disclose
