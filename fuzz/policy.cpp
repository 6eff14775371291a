// Any bytes as a policy and as requirements. What is accepted must keep its promises:
// a quorum that is defined, thresholds within their groups, at least one organisation.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "seal/policy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto policy = seal::Policy::from_text(text)) {
    std::vector<std::string> all;
    for (const auto& witness : policy->witnesses)
      all.push_back(witness.name);
    for (const auto& group : policy->groups)
      ALIBI_CHECK(group.threshold >= 1 && group.threshold <= group.members.size());
    ALIBI_CHECK(policy->is_satisfied(all));
    ALIBI_CHECK(policy->is_satisfied({}) == (policy->quorum == "none"));
  } else {
    ALIBI_CHECK(policy.error().code == Errc::Corrupt);
  }
  if (const auto requirements = seal::Requirements::from_text(text))
    ALIBI_CHECK(requirements->organisations >= 1);
  return 0;
}
