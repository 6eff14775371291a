#pragma once
// Who asked for a change of marking, as a record tells it.

#include "event/record.hpp"
#include "mark/sender.hpp"

namespace alibi::mark {

/// Sets user and exe, and in extra pid and start_us (cut to 10 ms by /proc), by
/// which the recorder finds the process. What cannot be read stays empty.
void describe_caller(const Caller& caller, event::Record& record);

}  // namespace alibi::mark
