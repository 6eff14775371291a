#pragma once
// Answers "who talked to this address, port or name?" from the log.
//
// Thread: one. Blocks on the disk. Reads only the blocks whose filters say that
// they may have the address or name, and the lives of the processes found.

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "query/flow.hpp"
#include "query/moment.hpp"
#include "query/process.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {

struct WhoQuestion {
  std::optional<event::Endpoint> endpoint;  ///< either side of the flow; no port: any port
  std::optional<std::uint16_t> port;        ///< with `name` only
  std::string name;                         ///< host name, any case, trailing dot or not
  std::string proto;                        ///< empty: any
  std::optional<Moment> at;                 ///< alive at some time in it
};

struct HolderAnswer {
  Holder holder;
  Process process;
};

struct FlowAnswer {
  Flow flow;
  std::string community_id;
  std::optional<Process> process;  ///< empty: nobody can be named
  std::vector<Process> ancestors;  ///< parent first
  std::vector<HolderAnswer> holders;
};

/// Somebody asked for the name; given when no flow was made for it.
struct NameAnswer {
  event::Record question;  ///< the first of its kind by this process
  std::uint64_t times = 1;
  std::optional<Process> process;
  std::vector<Process> ancestors;
};

struct WhoAnswer {
  std::vector<FlowAnswer> flows;  ///< by start
  std::vector<NameAnswer> names;  ///< only when `flows` is empty
  /// With `at`: the flow that matches otherwise and is nearest to it in time.
  std::optional<Flow> nearest;
};

/// Errors: Usage (neither endpoint nor name), Io, Denied.
Result<WhoAnswer> who(store::LogReader& reader, const WhoQuestion& question);

/// Joins flows, however they were found, with their processes. One answer for
/// each, in their order. Errors: Io, Denied.
Result<std::vector<FlowAnswer>> describe(store::LogReader& reader, std::vector<Flow> flows);

}  // namespace alibi::query
