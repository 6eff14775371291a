#pragma once
// When no step failed: which of the words of passing it is. The greatest that
// applies. Pure. Thread: any.

#include <optional>

#include "verify/findings.hpp"
#include "verify/inputs.hpp"
#include "verify/report.hpp"

namespace alibi::verify {

struct Ending {
  std::optional<Place> tail;  ///< bytes that no block covers
  std::string stale;          ///< why what is claimed may be out of date; empty: it is not
};

/// Sets verdict, reason and place of the report.
void conclude(Report& report, const Findings& findings, const Ending& ending);

/// By `max_age`, and by how far the leaves reach. `claimed_end`: of a bundle's interval.
/// Empty: not stale.
[[nodiscard]] std::string staleness(const Inputs& inputs, const Report& report,
                                    WallNs last_leaf_time, std::uint64_t epoch_ms,
                                    std::optional<WallNs> claimed_end);

}  // namespace alibi::verify
