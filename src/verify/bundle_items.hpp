#pragma once
// Step 5 for a bundle: the root of every block from what is shown and the hashes
// that stand for what is hidden. Pure. Thread: any.

#include <optional>
#include <string>
#include <vector>

#include "verify/bundle_files.hpp"
#include "verify/findings.hpp"

namespace alibi::verify {

struct ShownRecords {
  std::vector<std::string> lines;  ///< of records.csv that are proved to be of their blocks
  std::uint64_t packets = 0;
  std::uint64_t withheld = 0;  ///< records and packets of the same blocks that are hidden
};

/// Empty, and a finding, when a block does not have the root that was sealed.
[[nodiscard]] std::optional<ShownRecords> check_items(const Bundle& bundle,
                                                      std::string_view hideable,
                                                      Findings& findings);

}  // namespace alibi::verify
