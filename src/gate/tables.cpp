#include "gate/tables.hpp"

#include <algorithm>
#include <cstring>

namespace alibi::gate {
namespace {

std::uint8_t zone_number(const std::optional<std::uint8_t>& zone) {
  return zone.value_or(static_cast<std::uint8_t>(ALIBI_GATE_ANY_ZONE));
}

std::uint16_t number(const std::optional<std::uint8_t>& value) {
  return value ? *value : static_cast<std::uint16_t>(ALIBI_GATE_ANY_NUMBER);
}

alibi_gate_prefix key_of(const Prefix& prefix) {
  alibi_gate_prefix key{};
  const auto octets = prefix.address.octets();
  const std::size_t before = sizeof(key.address) - octets.size();
  if (before > 0) key.address[10] = key.address[11] = 0xff;  // IPv4 mapped
  std::ranges::copy(octets, key.address + before);
  key.prefix_bits = static_cast<std::uint32_t>(32 + before * 8 + prefix.bits);
  return key;
}

/// What is not good is never believed more than what is unverified.
std::uint8_t belief(Belief wanted, Belief unverified) {
  return static_cast<std::uint8_t>(wanted == Belief::Believe ? unverified : wanted);
}

}  // namespace

Tables make_tables(const Policy& policy,
                   const std::function<std::uint32_t(const std::string&)>& index_of) {
  Tables tables;
  const auto find_device = [&](const std::string& name) {
    const std::uint32_t index = index_of(name);
    if (index == 0) tables.missing.push_back(name);
    return index;
  };
  auto& head = tables.policy;
  head.sticky_ns = policy.sticky_ms * 1'000'000;
  head.rules = static_cast<std::uint32_t>(policy.rules.size());
  head.belief[ALIBI_GATE_GOOD] = ALIBI_GATE_BELIEVE;
  head.belief[ALIBI_GATE_UNVERIFIED] = static_cast<std::uint8_t>(policy.unverified);
  head.belief[ALIBI_GATE_FORGED] = belief(policy.forged, policy.unverified);
  head.belief[ALIBI_GATE_STALE] = belief(policy.stale, policy.unverified);
  head.belief[ALIBI_GATE_MALFORMED] = static_cast<std::uint8_t>(policy.malformed);
  for (std::size_t i = 0; i < policy.zones.size(); ++i) {
    const Zone& zone = policy.zones[i];
    if (zone.is_rest()) head.rest_zone = static_cast<std::uint8_t>(i);
    if (zone.is_trusted) head.zone_flags[i] = ALIBI_GATE_ZONE_TRUSTED;
    for (const Prefix& prefix : zone.addresses)
      tables.addresses.emplace_back(key_of(prefix), static_cast<std::uint32_t>(i));
    for (const std::string& device : zone.devices)
      if (const std::uint32_t index = find_device(device); index != 0)
        tables.devices.emplace_back(index, static_cast<std::uint32_t>(i));
  }
  for (std::size_t i = 0; i <= policy.rules.size(); ++i) {
    const Rule& rule = *rule_at(policy, i);
    tables.rules.push_back({.from = zone_number(rule.from),
                            .to = zone_number(rule.to),
                            .action = static_cast<std::uint8_t>(rule.action),
                            .is_export = static_cast<std::uint8_t>(rule.is_export),
                            .category = number(rule.category),
                            .code = number(rule.code),
                            .mirror = rule.mirror.empty() ? 0 : find_device(rule.mirror)});
  }
  return tables;
}

}  // namespace alibi::gate
