#include "gate/seen_flows.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace alibi::gate {
namespace {

using event::Record;

std::string protocol_text(std::uint32_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP: return "tcp";
    case IPPROTO_UDP: return "udp";
    case IPPROTO_ICMP: return "icmp";
    case IPPROTO_ICMPV6: return "icmp6";
    default: return std::to_string(protocol);
  }
}

event::Endpoint endpoint(const std::uint8_t (&address)[16], const alibi_gate_flow_key& key,
                         std::size_t port_at) {
  event::Endpoint end{address_of(address), {}};
  if (key.protocol == IPPROTO_TCP || key.protocol == IPPROTO_UDP)
    end.port = static_cast<std::uint16_t>(key.ports[port_at] << 8 | key.ports[port_at + 1]);
  return end;
}

std::string unix_time_text(std::uint32_t seconds) {
  return event::to_text(WallNs{static_cast<std::int64_t>(seconds) * 1'000'000'000});
}

std::string zone_name(const Policy& policy, std::uint8_t number) {
  return number < policy.zones.size() ? policy.zones[number].name : std::to_string(number);
}

/// The diagnosis that the rule is about; without one the latest.
const alibi_diagnosis& deciding(const Policy& policy, const alibi_gate_flow& flow) {
  const Rule* rule = rule_at(policy, flow.rule);
  const std::size_t count = std::min<std::size_t>(flow.mark.count, ALIBI_MARK_DIAGNOSES_MAX);
  for (std::size_t i = 0; rule && i < count; ++i) {
    const auto& each = flow.mark.diagnoses[i];
    if (rule->category.value_or(each.category) == each.category &&
        rule->code.value_or(each.code) == each.code)
      return each;
  }
  return flow.mark.diagnoses[0];
}

}  // namespace

event::IpAddress address_of(const std::uint8_t (&octets)[16]) { return event::ipv6(octets); }

SeenFlows::KeyBytes SeenFlows::bytes_of(const alibi_gate_flow_key& key) {
  KeyBytes bytes{};
  std::memcpy(bytes.data(), &key, bytes.size());
  return bytes;
}

Record SeenFlows::record_of(const alibi_gate_flow_key& key, const alibi_gate_flow& flow) const {
  Record record;
  record.kind = event::Kind::MarkSeen;
  record.boot = {flow.last_boot_ns};
  record.time = {static_cast<std::int64_t>(flow.last_boot_ns) + wall_offset_ns_};
  record.proto = protocol_text(key.protocol);
  record.remote = endpoint(key.source, key, 0);
  record.local = endpoint(key.destination, key, 2);
  record.direction = event::Direction::In;
  record.result = to_text(static_cast<Action>(flow.action % ALIBI_GATE_ACTIONS));
  record.extra = {
      {"state", std::string(to_text(static_cast<State>(flow.mark.state % ALIBI_GATE_STATES)))},
      {"zone", zone_name(*policy_, flow.from)},
      {"to_zone", zone_name(*policy_, flow.to)},
      {"packets", std::to_string(flow.packets)},
      {"bytes", std::to_string(flow.bytes)},
      {"started_ns", std::to_string(flow.first_boot_ns)}};
  if (const Rule* rule = rule_at(*policy_, flow.rule); rule && rule->line > 0)
    record.extra.emplace_back("rule_line", std::to_string(rule->line));
  if (flow.mark.count == 0) return record;
  const alibi_diagnosis& main = deciding(*policy_, flow);
  record.name = policy_->names.text(main.category, main.code);
  record.extra.emplace_back("diagnosed", unix_time_text(main.time_s));
  std::string all;
  const std::size_t count = std::min<std::size_t>(flow.mark.count, ALIBI_MARK_DIAGNOSES_MAX);
  for (std::size_t i = 0; count > 1 && i < count; ++i) {
    const alibi_diagnosis& each = flow.mark.diagnoses[i];
    all += fmt::format("{}{}@{}", i == 0 ? "" : ",", policy_->names.text(each.category, each.code),
                       unix_time_text(each.time_s));
  }
  if (!all.empty()) record.extra.emplace_back("diagnoses", all);
  return record;
}

void SeenFlows::see(const alibi_gate_flow_key& key, const alibi_gate_flow& flow) {
  auto& told = told_[bytes_of(key)];
  if (told >= flow.packets) return;
  records_->push_back(record_of(key, flow));
  find(records_->back(), flow, told);
  told = flow.packets;
}

/// For the persons of the rule.
void SeenFlows::find(const Record& record, const alibi_gate_flow& flow, std::uint64_t told) {
  const Rule* rule = rule_at(*policy_, flow.rule);
  if (!rule || rule->tell.empty() || flow.mark.count == 0) return;
  const alibi_diagnosis& main = deciding(*policy_, flow);
  findings_->push_back({.host = event::to_text(record.remote->address),
                        .category = policy_->names.category(main.category),
                        .what = record.name,
                        .meaning = policy_->names.meaning(main.category, main.code),
                        .diagnosed = {static_cast<std::int64_t>(main.time_s) * 1'000'000'000},
                        .at = record.time,
                        .action = record.result,
                        .flows = told == 0 ? 1U : 0U,
                        .packets = flow.packets - told,
                        .persons = rule->tell});
}

}  // namespace alibi::gate
