#pragma once
// A policy as rules for nftables, for kernels that do not load the gate. They
// see the first diagnosis of marks in TCP, verify nothing, remember nobody, and
// cannot blank; comments in the text say what of the policy is not in it.

#include <string>

#include "gate/policy.hpp"

namespace alibi::gate {

/// For `nft -f`. `devices`: whose packets; empty: all.
[[nodiscard]] std::string nft_rules(const Policy& policy, const std::vector<std::string>& devices);

}  // namespace alibi::gate
