#pragma once
// One line of JSON as collectors write Windows and Linux events: NXLog and
// Mordor (fields beside the head), winlogbeat (winlog.event_data), Azure
// (EventData as text or object; syslog lines with XML or auoms text inside),
// evtx_dump (Event.System, Event.EventData). Fuzzed. Thread: any.

#include <string_view>

#include "base/result.hpp"
#include "import/foreign_event.hpp"

namespace alibi::import {

/// Errors: Corrupt (no JSON object, or none with an event in it).
[[nodiscard]] Result<ForeignEvent> parse_json_event(std::string_view line);

}  // namespace alibi::import
