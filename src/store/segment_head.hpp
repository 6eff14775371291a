#pragma once
// The text every segment begins with: header line, `segment` record, carried
// records. docs/log-format.md section 2.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "event/record.hpp"
#include "store/log_writer.hpp"
#include "store/numbering.hpp"

namespace alibi::store {

/// Numbers the records of `head` and returns the text.
[[nodiscard]] std::string make_head_text(LogWriter::SegmentHead head, const std::string& boot_id,
                                         BootNs boot, WallNs time, Numbering& numbering);

/// Whole lines with new numbers, beginning after `numbering.last_seq()`. For
/// lines whose segment had to be abandoned before they were durable.
[[nodiscard]] std::string renumber(std::string_view lines, Numbering& numbering);

}  // namespace alibi::store
