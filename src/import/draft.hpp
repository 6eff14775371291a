#pragma once
// An event of another system, understood but not yet joined with the others of
// its host: the record it will become, and what it says about who did it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "event/record.hpp"
#include "import/foreign_event.hpp"

namespace alibi::import {

/// How an event names a process.
struct Mention {
  std::uint32_t pid = 0;
  std::string guid;   ///< Sysmon's ProcessGuid; empty: none or all zeros
  std::string image;  ///< empty: not said, or "<unknown process>"
};

struct Draft {
  event::Record record;  ///< of kind Segment: the event is only a mention
  Provider provider = Provider::Other;
  std::uint32_t id = 0;
  std::uint32_t file = 0;           ///< which of the imported files
  bool is_zone_unknown = false;     ///< record.time is what a clock without a stated zone showed
  std::optional<WallNs> logged;     ///< when the system logged it, same doubt about the zone
  std::optional<WallNs> collected;  ///< when a collector took it, UTC
  Mention process;
  Mention parent;
  std::optional<std::size_t> life;  ///< of identities.hpp, once it is known
  std::vector<std::string> parent_args;
  std::string local_name;  ///< of a connection's address that is called local here
  bool is_recovered = false;
};

/// Splits a Windows command line as CommandLineToArgvW does.
[[nodiscard]] std::vector<std::string> split_command_line(std::string_view line);

/// Errors: Unsupported (an event nobody needs here; the message is the reason to
/// count), Corrupt (a needed field is missing or makes no sense).
[[nodiscard]] Result<Draft> make_draft(const ForeignEvent& event);

}  // namespace alibi::import
