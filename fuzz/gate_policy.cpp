// Any text as the policy of a gate. What is accepted fits into the tables of the
// kernel programs, and nftables get rules for it.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/gate_policy.hpp"
#include "gate/nft_rules.hpp"
#include "gate/tables.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = cli::parse_gate_policy(text, "gate.toml", event::DiagnosisNames());
  if (!policy) {
    if (policy.error().message.empty()) std::abort();
    return 0;
  }
  const auto tables =
      gate::make_tables(*policy, [](const std::string& name) { return name.size() % 7; });
  if (policy->zones.empty() || policy->zones.size() > ALIBI_GATE_ZONES_MAX ||
      tables.rules.size() != policy->rules.size() + 1 ||
      tables.rules.size() > ALIBI_GATE_RULES_MAX || tables.policy.rest_zone >= policy->zones.size())
    std::abort();
  for (const auto& rule : tables.rules)
    if (rule.action > ALIBI_GATE_DROP) std::abort();
  if (gate::nft_rules(*policy, {"eth0"}).empty()) std::abort();
  return 0;
}
