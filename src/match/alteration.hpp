#pragma once
// What a flow of a capture has that its host did not send, or not like that.
// Normative: docs/matching.md section 5. Pure.

#include <string>
#include <vector>

#include "match/host_flow.hpp"

namespace alibi::match {

/// Names of what differs: "payload out", "payload in", "hop limit out",
/// "length out", "length in"; out and in as the host sees it. Empty: nothing is
/// known to differ.
[[nodiscard]] std::vector<std::string> find_alterations(const CaptureFlow& seen,
                                                        const HostFlow& sent);

}  // namespace alibi::match
