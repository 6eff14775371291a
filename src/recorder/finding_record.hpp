#pragma once
// What the inspector found in packets, as records of the log.

#include "event/record.hpp"
#include "packet/inspector.hpp"
#include "recorder/translation.hpp"

namespace alibi::recorder {

/// Kind, name, result and extra; where it was seen is the caller's to add. Empty:
/// a DNS message that cannot be read, or that is not to be recorded.
[[nodiscard]] std::optional<event::Record> record_of(Translation& shared,
                                                     const packet::Finding& finding,
                                                     Process* process);

}  // namespace alibi::recorder
