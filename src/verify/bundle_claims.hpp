#pragma once
// Step 6 for a bundle: what it claims holds for what it shows. Pure. Thread: any.

#include <string>
#include <vector>

#include "verify/bundle_files.hpp"
#include "verify/findings.hpp"

namespace alibi::verify {

/// A finding when the claim of an interval or of a process does not hold.
void check_claims(const Bundle& bundle, const std::vector<std::string>& records, std::uint64_t size,
                  std::uint64_t epoch_ms, Findings& findings);

/// What may be said of the bundle, one line.
[[nodiscard]] std::string claim_text(const Claims& claims);

}  // namespace alibi::verify
