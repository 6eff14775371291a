#pragma once
// What both translators share: the state that turns kernel records into log
// records, and the list the new records go to.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/record.hpp"
#include "recorder/cgroup_paths.hpp"
#include "recorder/name_cache.hpp"
#include "recorder/process_table.hpp"
#include "recorder/recorder.hpp"
#include "recorder/socket_book.hpp"
#include "recorder/source_marks.hpp"
#include "recorder/user_names.hpp"
#include "recorder/wall_clock.hpp"
#include "recorder/wire_view.hpp"

namespace alibi::recorder {

struct Translation {
  const Options& options;
  WallClock& clock;
  ProcessTable processes;
  SocketBook sockets;
  NameCache names;
  std::optional<CgroupPaths> cgroups;     ///< unified hierarchy, where one is mounted
  std::optional<CgroupPaths> cgroups_v1;  ///< memory hierarchy of hybrid hosts
  UserNames users;
  std::uint64_t batch = 0;              ///< number of the batch that `out` becomes
  bool tracked_only = false;            ///< `alibi run`: only the command and its descendants
  std::uint32_t track_children_of = 0;  ///< with tracked_only: the process that forks the command
  std::vector<std::uint32_t> pids_in_scope;  ///< with tracked_only: ancestors of the command
  bool can_see_users = true;                 ///< the sensor socket_use works
  bool reads_streams = false;                ///< the sensor packet works
  std::vector<std::pair<event::IpAddress, std::string>> fresh_names;  ///< for the packet log
  SourceMarks written;  ///< what the log has already, after a restart
  std::vector<event::Record> out;

  Translation(const Options& the_options, WallClock& the_clock);

  /// A record about `process` at `boot`, with the columns every record has.
  event::Record make(event::Kind kind, BootNs boot, Process* process);
  event::Record make(event::Kind kind, const alibi_header& header, alibi_ring ring,
                     Process* process);

  /// Adds it to `out`, unless it is out of scope.
  void emit(event::Record&& record, Process* process);
  /// The same without asking for the scope.
  void emit_in_scope(event::Record&& record, Process* process);

  /// Path of the control group, of the hierarchy in which it is not the root.
  std::string cgroup_path(std::uint64_t unified_id, std::uint64_t memory_id);

  /// The process of a kernel record, known from now on; null for tgid 0.
  Process* known(const alibi_process_key& key);
};

inline void add(event::Record& record, std::string_view key, std::string value) {
  record.extra.emplace_back(key, std::move(value));
}
inline void add(event::Record& record, std::string_view key, std::uint64_t value) {
  record.extra.emplace_back(key, std::to_string(value));
}

/// The kernel records that were folded into this one, and when each was made
/// (extra src_folded: p1:42@BOOT_NS,...).
[[nodiscard]] std::vector<std::pair<event::Source, BootNs>> folded_sources(
    const event::Record& record);

/// Where a kernel record came from, as `src=` tells it.
[[nodiscard]] event::Source source_of(alibi_ring ring, const alibi_header& header);

/// "ECONNREFUSED" for 111; the number where it has no name.
[[nodiscard]] std::string errno_name(int error);

}  // namespace alibi::recorder
