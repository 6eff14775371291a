#include "store/numbering.hpp"

#include <algorithm>
#include <ranges>
#include <string>

#include "event/number.hpp"

namespace alibi::store {
namespace {

constexpr const char* kRecords = "records";

bool ends_process(event::Kind kind) {
  return kind == event::Kind::Exit || kind == event::Kind::ProcessFinal;
}

}  // namespace

void Numbering::restore(const event::Record& record) {
  last_seq_ = std::max(last_seq_, record.seq);
  if (!record.process) return;
  const auto carried = event::parse_number<std::uint64_t>(record.find_extra(kRecords)).value_or(0);
  const std::uint64_t count = std::max(record.process_seq, carried);
  if (count == 0) return;
  auto& known = records_of_[*record.process];
  known = std::max(known, count);
}

void Numbering::assign(std::span<event::Record> records) {
  for (auto& record : records) {
    record.seq = ++last_seq_;
    record.process_seq = record.process ? ++records_of_[*record.process] : 0;
    if (record.process && ends_process(record.kind)) {
      record.extra.emplace_back(kRecords, std::to_string(record.process_seq));
    }
  }
}

void Numbering::take_back(std::span<event::Record> records) {
  for (auto& record : std::views::reverse(records)) {
    --last_seq_;
    record.seq = 0;
    if (!record.process) continue;
    const auto count = records_of_.find(*record.process);
    if (--count->second == 0) records_of_.erase(count);
    record.process_seq = 0;
    if (ends_process(record.kind)) record.extra.pop_back();
  }
}

void Numbering::assign_carried(event::Record& record) {
  record.seq = ++last_seq_;
  record.process_seq = 0;
  if (!record.process || record.kind != event::Kind::Process) return;
  const auto count = records_of_.find(*record.process);
  if (count != records_of_.end())
    record.extra.emplace_back(kRecords, std::to_string(count->second));
}

std::uint64_t Numbering::forget(event::ProcessKey process) {
  const auto count = records_of_.find(process);
  if (count == records_of_.end()) return 0;
  const std::uint64_t final_count = count->second;
  records_of_.erase(count);
  return final_count;
}

}  // namespace alibi::store
