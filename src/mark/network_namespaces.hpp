#pragma once
// The network namespaces of this machine, and doing something in each. Found
// through processes that are in them and names given to them (ip netns, Docker);
// one that has neither has no sockets that could be reached.
//
// Linux: namespaces(7), setns(2), which changes the calling thread only.

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::mark {

struct NetworkNamespace {
  std::uint32_t inode = 0;
  UniqueFd descriptor;
};

/// The one the calling thread is in. Errors: Io.
Result<NetworkNamespace> current_namespace();

/// All, the current one first. Errors: Io.
Result<std::vector<NetworkNamespace>> all_namespaces();

/// Runs `work` there and comes back. Errors: of `work`; Denied where the thread
/// may not enter.
Status inside(const NetworkNamespace& there, const std::function<Status()>& work);

}  // namespace alibi::mark
