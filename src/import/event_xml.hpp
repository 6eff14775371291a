#pragma once
// One Windows event as XML (Event schema 2004/08), from EVTX or from the syslog
// of Sysmon for Linux. Bounded by the bytes given; fuzzed. Thread: any.

#include <string_view>

#include "base/result.hpp"
#include "import/foreign_event.hpp"

namespace alibi::import {

/// An event cut off at its end, as syslog does with long ones, gives what is
/// there and is_cut. Errors: Corrupt (no event).
[[nodiscard]] Result<ForeignEvent> parse_event_xml(std::string_view xml);

}  // namespace alibi::import
