#include "verify/gaps.hpp"

namespace alibi::verify {
namespace {

using seal::LeafType;

constexpr std::size_t kGapTextBytes = 300;

/// The pairs as they stand in the leaf, for the list of gaps.
std::string text_of(const seal::Leaf& leaf) {
  std::string text;
  for (const auto& [key, value] : leaf.pairs)
    text += (text.empty() ? "" : " ") + key + "=" + value;
  if (text.size() > kGapTextBytes) text.resize(kGapTextBytes);
  return text;
}

}  // namespace

void list_gap(std::uint64_t index, const seal::Leaf& leaf, Report& report) {
  switch (leaf.type) {
    case LeafType::Loss:
    case LeafType::Fault:
    case LeafType::Clock:
    case LeafType::Recovery:
    case LeafType::Retention: break;
    case LeafType::Block:
      if (const auto* adopted = leaf.find("adopted"); !adopted || adopted->empty()) return;
      break;
    default: return;
  }
  add_gap(report, {index, std::string(seal::name_of(leaf.type)), text_of(leaf)});
}

}  // namespace alibi::verify
