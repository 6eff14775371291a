#pragma once
// Reads what a log directory knows about the flows of a capture: the flows that
// share an end with one of them, the hosts, when they recorded, and what their
// packet log has on the wire.
//
// Thread: one. Memory: the flows that share an end, not the log.

#include <memory>
#include <vector>

#include "base/result.hpp"
#include "match/host_flow.hpp"
#include "query/flow.hpp"
#include "store/log_reader.hpp"

namespace alibi::match {

struct HostLog {
  Facts facts;                     ///< `capture` as it was given
  std::vector<query::Flow> flows;  ///< one for each of facts.flows
};

/// Errors: Io, Denied.
[[nodiscard]] Result<HostLog> read_host_log(store::LogReader& reader,
                                            std::vector<CaptureFlow> capture);

/// Adds what the packet log of the directory has of these flows, and which flows
/// of the capture the host forwarded: packets between two others that it saw.
/// No packet log is no error. Errors: Io, Denied.
[[nodiscard]] Result<std::vector<bool>> add_wire(const std::filesystem::path& directory,
                                                 const std::filesystem::path& identity,
                                                 HostLog& log);

}  // namespace alibi::match
