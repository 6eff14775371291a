#include "gate/nft_rules.hpp"

#include <fmt/format.h>

namespace alibi::gate {
namespace {

// nft 1.0.6: `tcp option @253,at,bits` counts from the kind byte of the option.
struct Version {
  const char* name;
  const char* match;
  int category_at;
  int code_at;
};
constexpr Version kVersions[] = {
    {"version 1", "tcp option @253,16,16 != 0x4d4b", 56, 64},
    {"version 2", "tcp option @253,16,16 0x4d4b", 80, 88},
};

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return "{ " + out + " }";
}

std::vector<std::string> prefixes(const Zone& zone, bool is_v6) {
  std::vector<std::string> texts;
  for (const Prefix& prefix : zone.addresses)
    if (prefix.address.is_v6 == is_v6) texts.push_back(to_text(prefix));
  return texts;
}

/// Conditions of which one must hold; empty: none can.
std::vector<std::string> address_conditions(const Policy& policy, const Zone& zone,
                                            bool is_source) {
  std::vector<std::string> conditions;
  for (const bool is_v6 : {false, true}) {
    const std::string field =
        fmt::format("{} {}", is_v6 ? "ip6" : "ip", is_source ? "saddr" : "daddr");
    if (!zone.is_rest()) {
      const auto own = prefixes(zone, is_v6);
      if (!own.empty()) conditions.push_back(fmt::format("{} {}", field, join(own)));
      continue;
    }
    std::vector<std::string> others;
    for (const Zone& other : policy.zones) {
      const auto texts = prefixes(other, is_v6);
      others.insert(others.end(), texts.begin(), texts.end());
    }
    conditions.push_back(others.empty() ? fmt::format("meta nfproto {}", is_v6 ? "ipv6" : "ipv4")
                                        : fmt::format("{} != {}", field, join(others)));
  }
  return conditions;
}

std::vector<std::string> quoted(const std::vector<std::string>& devices) {
  std::vector<std::string> out;
  for (const std::string& device : devices)
    out.push_back('"' + device + '"');
  return out;
}

std::vector<std::string> source_conditions(const Policy& policy, const Rule& rule) {
  if (!rule.from) return {""};
  const Zone& zone = policy.zones[*rule.from];
  std::vector<std::string> of_zones;
  for (const Zone& other : policy.zones)
    of_zones.insert(of_zones.end(), other.devices.begin(), other.devices.end());
  // The device counts before the address.
  const std::string elsewhere =
      of_zones.empty() ? "" : fmt::format("iifname != {} ", join(quoted(of_zones)));
  std::vector<std::string> conditions;
  if (!zone.devices.empty())
    conditions.push_back(fmt::format("iifname {} ", join(quoted(zone.devices))));
  for (const std::string& condition : address_conditions(policy, zone, true))
    conditions.push_back(elsewhere + condition + " ");
  return conditions;
}

std::vector<std::string> target_conditions(const Policy& policy, const Rule& rule) {
  if (!rule.to) return {""};
  std::vector<std::string> conditions;
  for (const std::string& condition : address_conditions(policy, policy.zones[*rule.to], false))
    conditions.push_back(condition + " ");
  return conditions;
}

const char* statement(Action action) {
  switch (action) {
    case Action::Drop:
    case Action::Blank: return "counter drop";
    case Action::Strip: return "reset tcp option 253 counter accept";
    case Action::Allow: break;
  }
  return "counter accept";
}

/// Matches that name the same address family twice in different ways never hold.
bool contradicts(const std::string& from, const std::string& to) {
  const auto family = [](const std::string& text) {
    if (text.contains("ip6 ") || text.contains("nfproto ipv6")) return 6;
    return text.contains("ip saddr") || text.contains("ip daddr") || text.contains("nfproto ipv4")
               ? 4
               : 0;
  };
  return family(from) != 0 && family(to) != 0 && family(from) != family(to);
}

std::string rule_text(const Policy& policy, const Rule& rule) {
  std::string out = fmt::format("    # line {}: {}\n", rule.line, to_text(rule.action));
  if (rule.action == Action::Blank) out += "    # nftables cannot blank: dropped instead\n";
  if (!rule.mirror.empty()) out += "    # nftables cannot mirror here: no copy is made\n";
  if (!rule.tell.empty()) out += "    # nobody is told\n";
  for (const Version& version : kVersions) {
    std::string match = std::string(version.match) + " ";
    if (rule.category)
      match += fmt::format("tcp option @253,{},8 {} ", version.category_at, *rule.category);
    if (rule.code) match += fmt::format("tcp option @253,{},8 {} ", version.code_at, *rule.code);
    if (!rule.category) match.clear();
    for (const std::string& from : source_conditions(policy, rule))
      for (const std::string& to : target_conditions(policy, rule))
        if (!contradicts(from, to))
          out += fmt::format("    {}{}{}{}\n", from, to, match, statement(rule.action));
    if (!rule.category) break;  // one rule serves both
  }
  return out;
}

std::string remarks(const Policy& policy) {
  std::string out =
      "# What nftables cannot do of this policy:\n"
      "# - it reads the first diagnosis of a mark only, and no marks of UDP;\n"
      "# - it verifies nothing: every mark counts as unverified;\n"
      "# - it takes no mark off because of a zone that is trusted: give strip rules.\n";
  if (!policy.keys.empty()) out += "# - the keys are not used;\n";
  if (policy.sticky_ms > 0) out += "# - it remembers no host (sticky);\n";
  if (policy.malformed == Belief::Drop) out += "# - a malformed mark is treated as what it says.\n";
  return out;
}

}  // namespace

std::string nft_rules(const Policy& policy, const std::vector<std::string>& devices) {
  std::string out = "#!/usr/sbin/nft -f\n# Made by: alibi gate --nft\n" + remarks(policy);
  out += "\ntable inet alibi_gate\ndelete table inet alibi_gate\ntable inet alibi_gate {\n";
  out += "  chain marked {\n";
  if (policy.unverified == Belief::Drop)
    out += "    counter drop\n";
  else if (policy.unverified == Belief::Ignore)
    out += "    counter accept\n";
  else
    for (std::size_t i = 0; const Rule* rule = rule_at(policy, i); ++i)
      out += rule_text(policy, *rule);
  out +=
      "  }\n  chain incoming {\n    type filter hook prerouting priority raw; policy accept;\n    ";
  if (!devices.empty()) out += fmt::format("iifname {} ", join(quoted(devices)));
  return out + "tcp option 253 exists jump marked\n  }\n}\n";
}

}  // namespace alibi::gate
