#pragma once
// Step 11: the key file counts epochs. A log that was cut back, with the key file
// left as it is, has fewer. Only the numbers are read, never a key.

#include <cstdint>
#include <optional>
#include <vector>

#include "verify/directory.hpp"
#include "verify/findings.hpp"

namespace alibi::verify {

/// Numbers in the slots of secret/epoch.key. Empty: no such file, or not for us.
[[nodiscard]] std::optional<std::vector<std::uint64_t>> read_epoch_slots(const Directory& top);

/// `last`: the epoch that the last leaf is in; `is_over`: and that it ended.
void check_rollback(const std::vector<std::uint64_t>& slots, std::uint64_t last, bool is_over,
                    bool is_growing, std::uint64_t size, Findings& findings);

}  // namespace alibi::verify
