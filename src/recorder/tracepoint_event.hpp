#pragma once
// Attaches a loaded program to a classic tracepoint through a perf event. Only
// for kernels before 5.15, whose tracepoint links cannot be pinned: there a
// resumed recorder attaches its pinned programs again. Thread: any.

#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::recorder {

/// `tracepoint` is "group/name". Attached as long as the result is open.
/// Errors: Io (tracefs, perf_event_open).
Result<UniqueFd> attach_tracepoint(int program_fd, std::string_view tracepoint);

}  // namespace alibi::recorder
