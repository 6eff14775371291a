#pragma once
// What a recorder does first with the log of the one before it, which may have
// been killed or lost power at any moment. docs/log-format.md section 4.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "event/record.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/log_writer.hpp"

namespace alibi::store {

struct Recovery {
  Recovered found;
  /// The newest segment if it is of this boot, and so can be continued.
  struct Open {
    std::uint64_t first_seq = 0;
    std::uint64_t bytes = 0;
    std::uint64_t blocked_bytes = 0;  ///< covered by recorded blocks
  };
  std::optional<Open> open;
  /// Extra pairs of the `recovery` record; empty when there is nothing to say.
  event::Extra note;
};

/// Cleans up and reports. `visit` sees the records of the segment to continue.
/// `keeps_plain`: a .csv beside its packed form stays, since only the packer knows
/// whether it is sealed. Errors: Io; Corrupt as survey_segment, or when no number
/// can be found to continue with.
[[nodiscard]] Result<Recovery> recover(Disk& disk, const Layout& layout, const std::string& boot_id,
                                       bool keeps_plain,
                                       const std::function<void(const event::Record&)>& visit);

}  // namespace alibi::store
