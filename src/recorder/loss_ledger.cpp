#include "recorder/loss_ledger.hpp"

#include <fmt/format.h>

#include <charconv>

namespace alibi::recorder {
namespace {

constexpr const char* kKindNames[ALIBI_RECORD_KINDS] = {
    "none",          "fork",   "exec",         "exec_fail", "exit",   "signal",
    "kernel_module", "mount",  "process",      "flow",      "socket", "socket_use",
    "socket_end",    "holder", "connect_fail", "dns",       "packet", "file_delete"};

std::uint64_t number_of(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

void LossLedger::restore(const event::Record& record) {
  auto raise = [this](std::string_view reason, std::string_view what, std::uint64_t total) {
    Line& line = lines_[{std::string(reason), std::string(what)}];
    line.told = std::max(line.told, total);
  };
  if (record.kind == event::Kind::Loss)
    raise(record.result, record.find_extra("what"), number_of(record.find_extra("total")));
  if (record.kind != event::Kind::Segment) return;
  std::string_view totals = record.find_extra("lost");
  while (!totals.empty()) {
    const std::string_view item = totals.substr(0, totals.find(','));
    totals.remove_prefix(std::min(item.size() + 1, totals.size()));
    const auto slash = item.find('/');
    const auto equals = item.find('=');
    if (slash < equals && equals != std::string_view::npos)
      raise(item.substr(0, slash), item.substr(slash + 1, equals - slash - 1),
            number_of(item.substr(equals + 1)));
  }
}

void LossLedger::begin(bool has_taken_over_rings) {
  for (auto& [name, line] : lines_) {
    const bool is_of_rings = name.first == "ring_full" || name.first == "conversation_table_full" ||
                             name.first == "packet_ring_full" || name.first == "no_socket_state";
    line.base = is_of_rings && has_taken_over_rings ? 0 : line.told;
  }
}

std::string LossLedger::totals_text() const {
  std::string text;
  for (const auto& [name, line] : lines_)
    if (line.told)
      text +=
          fmt::format("{}{}/{}={}", text.empty() ? "" : ",", name.first, name.second, line.told);
  return text;
}

void LossLedger::observe(std::string_view reason, std::string_view what, std::uint64_t counter,
                         BootNs now) {
  Line& line = lines_[{std::string(reason), std::string(what)}];
  const std::uint64_t total = line.base + counter;
  if (total > line.told) {
    fresh_.push_back(
        {std::string(reason), std::string(what), total - line.told, total, line.checked, now});
    line.told = total;
  }
  line.checked = now;
}

std::uint64_t LossLedger::add_told(std::string_view reason, std::string_view what,
                                   std::uint64_t count) {
  return lines_[{std::string(reason), std::string(what)}].told += count;
}

void LossLedger::observe(const std::vector<alibi_counters>& counters, BootNs now) {
  alibi_counters sum{};
  for (const auto& cpu : counters) {
    for (std::size_t ring = 0; ring < ALIBI_RINGS; ++ring)
      for (std::size_t kind = 0; kind < ALIBI_RECORD_KINDS; ++kind)
        sum.lost[ring][kind] += cpu.lost[ring][kind];
    sum.conversations_refused += cpu.conversations_refused;
    sum.states_refused += cpu.states_refused;
  }
  for (std::size_t kind = 0; kind < ALIBI_RECORD_KINDS; ++kind)
    observe("ring_full", kKindNames[kind],
            sum.lost[ALIBI_RING_PROCESS][kind] + sum.lost[ALIBI_RING_NETWORK][kind], now);
  observe("packet_ring_full", "packet", sum.lost[ALIBI_RING_PACKET][ALIBI_RECORD_PACKET], now);
  observe("conversation_table_full", "packet", sum.conversations_refused, now);
  observe("no_socket_state", "socket", sum.states_refused, now);
}

std::uint64_t LossLedger::total() const {
  std::uint64_t sum = 0;
  for (const auto& [name, line] : lines_)
    sum += line.told;
  return sum;
}

std::map<std::string, std::uint64_t> LossLedger::by_reason() const {
  std::map<std::string, std::uint64_t> sums;
  for (const auto& [name, line] : lines_)
    if (line.told) sums[name.first] += line.told;
  return sums;
}

event::Record to_record(const Loss& loss) {
  event::Record record;
  record.kind = event::Kind::Loss;
  record.boot = loss.to;
  record.result = loss.reason;
  record.extra = {{"what", loss.what},
                  {"count", std::to_string(loss.count)},
                  {"total", std::to_string(loss.total)},
                  {"from_ns", std::to_string(loss.from.ns)},
                  {"to_ns", std::to_string(loss.to.ns)}};
  return record;
}

}  // namespace alibi::recorder
