#pragma once
// A process with its ancestors and descendants, and what each of them did.
//
// Thread: one. Blocks on the disk. Reads the log from the start of the process
// until all its descendants have ended.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "query/flow.hpp"
#include "query/moment.hpp"
#include "query/process.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {

struct TreeQuestion {
  std::optional<std::uint32_t> pid;  ///< one of the two
  std::optional<event::ProcessKey> process;
  std::optional<Moment> at;  ///< alive at or before its end
};

struct Execution {
  WallNs time;
  std::string exe;
  std::vector<std::string> args;
};

struct Branch {
  Process process;                    ///< with its last image
  std::vector<Execution> executions;  ///< in order; the first image may be inherited
  std::vector<Flow> flows;
  std::map<std::string, std::uint64_t> names;  ///< DNS names asked for, how often
  std::uint64_t modules = 0;                   ///< files mapped executable
  std::optional<WallNs> end;                   ///< empty: not known to have ended
  std::string exit;                            ///< result of the exit record
  std::vector<Branch> children;                ///< by start
};

struct TreeAnswer {
  std::vector<Process> ancestors;  ///< parent first
  Branch root;
  std::vector<Process> others;  ///< processes that had the same pid, newest first
};

/// Errors: NotFound (no such process in the log), Io, Denied.
Result<TreeAnswer> tree(store::LogReader& reader, const TreeQuestion& question);

}  // namespace alibi::query
