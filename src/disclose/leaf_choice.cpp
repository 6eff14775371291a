#include "disclose/leaf_choice.hpp"

#include <algorithm>

namespace alibi::disclose {

void LeafChoice::take_epoch(std::uint64_t index, WallNs time) {
  epoch_before_ = last_epoch_;
  last_epoch_ = index;
  if (!has_interval_) return;
  if (!has_met_ && from_ && time <= *from_) first_ = index + 1;
  const bool is_late_enough = to_ && time.ns >= to_->ns + static_cast<std::int64_t>(epoch_ns_);
  if (is_late_enough && !last_ && index >= first_) last_ = index;
}

void LeafChoice::take_receipt(std::uint64_t index, const seal::Leaf& leaf) {
  if (!blocks_.empty() || has_met_) return;
  const auto size = leaf.number("size");
  const std::string* kind = leaf.find("kind");
  const std::string* sha256 = leaf.find("sha256");
  if (!size || kind == nullptr || sha256 == nullptr) return;
  (*kind == "timestamp" ? stamped_before_ : cosigned_before_) = Receipt{index, *size, *sha256};
}

void LeafChoice::take(std::uint64_t index, const seal::Leaf& leaf, bool meets) {
  if (leaf.type == seal::LeafType::Epoch) take_epoch(index, leaf.time);
  if (leaf.type == seal::LeafType::Receipt) take_receipt(index, leaf);
  if (!meets || !has_interval_) return;
  has_met_ = true;
  last_.reset();  // sealed late: the interval ends after it
}

void LeafChoice::add_block(std::uint64_t index) { blocks_.insert(index); }

std::optional<LeafChoice::Span> LeafChoice::interval(std::uint64_t size) const {
  if (!has_interval_) return std::nullopt;
  return Span{first_, last_.value_or(size - 1)};
}

LeafChoice::Span LeafChoice::content(std::uint64_t size) const {
  Span span;
  if (!blocks_.empty()) span = {*blocks_.begin(), *blocks_.rbegin()};
  if (const auto claimed = interval(size)) {
    span.first = std::min(span.first, claimed->first);
    span.last = std::max(span.last, claimed->last);
  }
  return span;
}

std::set<std::uint64_t> LeafChoice::shown(std::uint64_t size) const {
  std::set<std::uint64_t> leaves = blocks_;
  leaves.insert(0);
  // The key of the checkpoint is named by the epoch leaf before leaf size - 1.
  const auto& named = last_epoch_ && *last_epoch_ == size - 1 ? epoch_before_ : last_epoch_;
  if (named) leaves.insert(*named);
  if (const auto claimed = interval(size)) {
    for (std::uint64_t index = claimed->first; index <= claimed->last; ++index)
      leaves.insert(index);
    if (claimed->first > 0) leaves.insert(claimed->first - 1);
  }
  return leaves;
}

}  // namespace alibi::disclose
