#include "store/own_records.hpp"

#include <algorithm>

namespace alibi::store {
namespace {

/// A disk that fails again and again must not fill the memory.
constexpr std::size_t kMaxWaiting = 256;

}  // namespace

void OwnRecords::add(event::Kind kind, std::string result, event::Extra extra) {
  if (waiting_.size() < kMaxWaiting)
    waiting_.push_back({kind, std::move(result), std::move(extra)});
}

void OwnRecords::add_loss(std::span<const event::Record> refused, std::string reason) {
  for (const auto& record : refused) {
    const std::uint64_t at = record.boot.ns;
    loss_from_ns_ = loss_count_ == 0 ? at : std::min(loss_from_ns_, at);
    loss_to_ns_ = loss_count_ == 0 ? at : std::max(loss_to_ns_, at);
    ++loss_count_;
  }
  loss_reason_ = std::move(reason);
}

std::vector<event::Record> OwnRecords::make(BootNs now) const {
  std::vector<event::Record> records;
  const auto add_record = [&](const Waiting& waiting) {
    event::Record& record = records.emplace_back();
    record.boot = now;
    record.time = wall(now);
    record.kind = waiting.kind;
    record.result = waiting.result;
    record.extra = waiting.extra;
  };
  if (loss_count_ > 0) {
    add_record({event::Kind::Loss,
                loss_reason_,
                {{"count", std::to_string(loss_count_)},
                 {"from_ns", std::to_string(loss_from_ns_)},
                 {"to_ns", std::to_string(loss_to_ns_)}}});
  }
  for (const auto& waiting : waiting_)
    add_record(waiting);
  return records;
}

void OwnRecords::clear() {
  waiting_.clear();
  loss_count_ = 0;
}

}  // namespace alibi::store
