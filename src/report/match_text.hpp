#pragma once
// What a capture has to do with the hosts of a log, as text for eyes and as JSON.

#include <string>

#include "match/match.hpp"
#include "report/style.hpp"

namespace alibi::report {

/// A line for each flow, then the clocks.
[[nodiscard]] std::string to_text(const match::MatchAnswer& answer, const Style& style);

/// One object, without a line end.
[[nodiscard]] std::string to_json(const match::MatchedFlow& flow);

/// "WORKSTATION5: sysmon:3 is 1.132 s behind the capture (39 flows, within 2.0 ms)".
[[nodiscard]] std::string clock_text(const match::ClockAnswer& clock);

}  // namespace alibi::report
