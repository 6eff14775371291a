#pragma once
// A process as an answer names it: its identity, and the image it ran at one
// moment. Put together by Lives (lives.hpp) from records of the log; nothing
// here is looked up on the running machine.

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "event/process_key.hpp"

namespace alibi::query {

struct Process {
  std::string boot_id;
  event::ProcessKey key;
  WallNs start;     ///< of the process, not of its image
  std::string exe;  ///< empty: not in the log
  std::vector<std::string> args;
  std::string user;
  std::string sha256;   ///< lower-case hexadecimal, empty: not hashed
  std::string package;  ///< name of the owning package, empty: none or not known
  std::string package_version;
  std::string cwd;
  std::string container;
  std::string flags;  ///< of the exec: script, setuid, deleted, memfd, args_cut
  std::optional<event::ProcessKey> parent;  ///< who created it, even if adopted since
};

}  // namespace alibi::query
