#pragma once
// What stands in a .csv segment: which part of it is whole records, and which.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "event/record.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"

namespace alibi::store {

struct Survey {
  std::uint64_t good_bytes = 0;  ///< up to and including the last line that parses
  std::uint64_t records = 0;     ///< lines that parse
  std::uint64_t last_seq = 0;    ///< of the last of them
  std::string boot_id;           ///< empty: the first record is no `segment`
  bool was_stopped = false;      ///< the last record is recorder_stop
};

/// Reads the segment and calls `visit` for each record in it. Errors: Io;
/// Corrupt when the file begins with a whole line that is not our header.
[[nodiscard]] Result<Survey> survey_segment(Disk& disk, const Layout& layout,
                                            std::uint64_t first_seq,
                                            const std::function<void(const event::Record&)>& visit);

}  // namespace alibi::store
