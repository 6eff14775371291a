#include "verify/order.hpp"

#include <utility>

namespace alibi::verify {
namespace {

using seal::LeafType;

constexpr std::int64_t kClockStepNs = 1'000'000'000;
constexpr unsigned kLeavesUntilRecovery = 5;
constexpr const char* kNoRecovery =
    "the recorder before ended without a word, and this one does not say so";

/// The offset of the wall clock from the clock of the boot, as far as 64 bits go.
std::int64_t offset_of(WallNs time, BootNs boot) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(time.ns) - boot.ns);
}

std::uint64_t distance(std::int64_t a, std::int64_t b) {
  const auto difference = static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b);
  return a < b ? 0 - difference : difference;
}

}  // namespace

void BlockOrder::take(std::uint64_t index, const seal::BlockLeaf& block, Findings& findings) {
  const auto found = [&](bool is_missing, const char* what) {
    findings.add(
        Step::Order, is_missing ? Verdict::Missing : Verdict::Reordered,
        {.leaf = index,
         .file = std::string(seal::name_of(block.stream)) + "/" + std::to_string(block.segment),
         .offset = block.offset},
        what);
  };
  const bool begins = is_first_ || block.segment != segment_;
  if (begins && !is_first_ && block.segment < segment_)
    found(false, "a segment follows one with a greater number");
  if (begins && block.block != 0) found(true, "the first blocks of the segment are not sealed");
  if (begins && !is_first_ && block.offset != 0)
    found(true, "the segment does not begin with its first block");
  if (!begins && block.block != next_block_)
    found(block.block > next_block_, "blocks do not follow each other");
  if (!begins && block.block == next_block_ && block.offset != next_offset_)
    found(block.offset > next_offset_, "blocks do not follow each other without gap");
  is_first_ = false;
  segment_ = block.segment;
  next_block_ = block.block + 1;
  next_offset_ = block.offset + block.bytes;

  if (block.first == 0 && block.last == 0) return;
  if (block.first == 0 || block.first > block.last) {
    found(false, "the numbers of the block's records make no sense");
  } else if (block.first != next_number_) {
    found(block.first > next_number_, "record numbers do not follow each other");
  }
  next_number_ = block.last + 1;
}

void RunOrder::take(std::uint64_t index, const seal::Leaf& leaf, Findings& findings,
                    Report& report) {
  if (leaf.type == LeafType::Genesis) return;
  const bool is_new_boot = leaf.boot_id != boot_id_;
  const bool continues = leaf.type == LeafType::Start && !is_new_boot && has_only_recovered_;
  const bool begins = is_new_boot || (leaf.type == LeafType::Start && !continues);
  if (is_new_boot) end(report);
  if (begins && !has_ended_ && !waiting_ && before_ != LeafType::Recovery)
    waiting_ = {index, kLeavesUntilRecovery};
  if (waiting_) {
    if (leaf.type == LeafType::Recovery) {
      waiting_.reset();
    } else if (--waiting_->leaves == 0) {
      findings.add(Step::Order, Verdict::GapUnexplained, {.leaf = waiting_->leaf}, kNoRecovery);
    }
    if (waiting_ && waiting_->leaves == 0) waiting_.reset();
  }
  const bool is_preface = leaf.type == LeafType::Recovery || leaf.type == LeafType::Clock;
  has_only_recovered_ = is_preface && (is_new_boot || has_only_recovered_);
  switch (leaf.type) {
    case LeafType::Stop: has_ended_ = true; break;
    case LeafType::Epoch:
    case LeafType::Receipt:
    case LeafType::Key:
    case LeafType::Note: break;
    default: has_ended_ = false;
  }
  boot_id_ = leaf.boot_id;
  before_ = leaf.type;
}

void RunOrder::end(Report& report) {
  if (waiting_)
    add_gap(report, {waiting_->leaf, "recovery", "the recorder before ended without a word"});
  waiting_.reset();
}

void TimeOrder::fail_overdue(std::uint64_t boot_ns, Findings& findings) {
  for (auto* waiting : {&step_, &silence_}) {
    if (!*waiting || boot_ns <= (*waiting)->until_ns) continue;
    findings.add(Step::Order, Verdict::GapUnexplained, {.leaf = (*waiting)->leaf},
                 (*waiting)->text);
    waiting->reset();
  }
}

void TimeOrder::take(std::uint64_t index, const seal::Leaf& leaf, bool after_end,
                     Findings& findings, Report& report) {
  const bool is_clock = leaf.type == LeafType::Clock;
  const bool ends_silence =
      is_clock || leaf.type == LeafType::Recovery || leaf.type == LeafType::Fault;
  if (!before_ || before_->boot_id != leaf.boot_id) {
    end(report);
    before_ = Before{leaf.boot_id, leaf.boot, leaf.time, leaf.type};
    return;
  }
  if (leaf.boot.ns < before_->boot.ns) {
    findings.add(Step::Order, Verdict::Reordered, {.leaf = index},
                 "the clock of the boot went back");
  }
  fail_overdue(leaf.boot.ns, findings);
  const bool was_clock = before_->type == LeafType::Clock;
  const bool was_told =
      was_clock || before_->type == LeafType::Recovery || before_->type == LeafType::Fault;
  if (distance(offset_of(leaf.time, leaf.boot), offset_of(before_->time, before_->boot)) >
          kClockStepNs &&
      !was_clock && !step_)
    step_ = {index, leaf.boot.ns + patience_ns_, "the wall clock was set, and no leaf says so"};
  const std::uint64_t silent_ns = leaf.boot.ns - std::min(leaf.boot.ns, before_->boot.ns);
  if (silent_ns > patience_ns_ && !was_told && !after_end && !silence_) {
    silence_ = {index, leaf.boot.ns + patience_ns_,
                std::to_string(silent_ns / 1'000'000'000) + " s without a leaf, and none says why"};
  }
  if (is_clock) step_.reset();
  if (ends_silence) silence_.reset();
  before_ = Before{leaf.boot_id, leaf.boot, leaf.time, leaf.type};
}

void TimeOrder::end(Report& report) {
  for (auto* waiting : {&step_, &silence_}) {
    if (*waiting) add_gap(report, {(*waiting)->leaf, "clock", (*waiting)->text});
    waiting->reset();
  }
}

void Order::take(std::uint64_t index, const seal::Leaf& leaf, Findings& findings, Report& report) {
  time_.take(index, leaf, runs_.has_ended(), findings, report);
  runs_.take(index, leaf, findings, report);
  if (leaf.type != LeafType::Block) return;
  const auto block = seal::BlockLeaf::from_leaf(leaf);
  if (block)
    (block->stream == seal::Stream::Events ? events_ : packets_).take(index, *block, findings);
}

void Order::end(Report& report) {
  time_.end(report);
  runs_.end(report);
}

}  // namespace alibi::verify
