#pragma once
// The text form of Azure's audit collector for Linux (auoms):
// "type=AUOMS_EXECVE audit(1652292622.006:84144): key=value key=\"value\" ...".
// Only program starts are read. Fuzzed with json_event. Thread: any.

#include <string_view>

#include "base/result.hpp"
#include "import/foreign_event.hpp"

namespace alibi::import {

/// Errors: Corrupt (not of that form).
[[nodiscard]] Result<ForeignEvent> parse_auoms(std::string_view message);

}  // namespace alibi::import
