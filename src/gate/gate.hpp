#pragma once
// The gate as a daemon (docs/marking.md, section 8): attaches the program,
// writes what it saw into a log, obeys signals. SIGHUP reads the policy anew;
// SIGTERM and SIGINT end it.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "gate/policy.hpp"

namespace alibi::gate {

/// In the log directory, rewritten every second.
inline constexpr const char* kStatusFile = "gate.json";

struct Options {
  std::vector<std::string> devices;
  std::filesystem::path directory;  ///< of the log
  bool keeps_attached = false;      ///< however the process ends
  /// Reads the policy file; called at start and at SIGHUP.
  std::function<Result<Policy>()> read_policy;
};

/// Returns at SIGTERM or SIGINT. Errors: as read_policy (only at start), NotFound
/// (device), Denied, Unsupported (kernel), Io.
Status run(const Options& options);

/// Takes out what a gate with keeps_attached left. True: there was something.
Result<bool> detach(const std::filesystem::path& directory);

}  // namespace alibi::gate
