#pragma once
// What the log says about the lives of processes: created by whom, which images
// one after the other, as whom, until when. Joins the records process, fork,
// exec, exit and image.
//
//   load(wanted) -> find / ancestors
//
// The image at a moment is that of the last exec before it. A process that
// never executed runs the image its parent had at the fork. An ancestor is
// shown as it was when it created its child, because that is who started it.
//
// Thread: one per object. Blocks on the disk in load().

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "query/process.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {

class Lives {
 public:
  explicit Lives(store::LogReader& reader) : reader_(reader) {}

  struct Wanted {
    std::string boot_id;
    event::ProcessKey key;
    BootNs at;                   ///< the image it ran then
    WallNs until;                ///< wall time of the record that names it; nothing later is read
    std::int64_t offset_ns = 0;  ///< wall clock minus boot clock in that record
  };

  /// Reads what the log has about these processes and all their ancestors.
  /// A process of which the log knows nothing is no error. Errors: Io, Denied.
  Status load(const std::vector<Wanted>& wanted);

  /// Adds one record that the caller has read for another reason.
  void add(const store::BootRecord& record);

  /// Hash and package of the images of these processes. Errors: Io, Denied.
  Status fill_images(std::vector<Process*> processes);

  /// The process with the image it ran at `at`; what is not known stays empty.
  [[nodiscard]] Process find(const std::string& boot_id, event::ProcessKey key, BootNs at) const;

  /// The same for a record that itself names the image: only `exe` will do, from
  /// the latest exec of it before `until`. Empty `exe`: as find().
  [[nodiscard]] Process find_image(const std::string& boot_id, event::ProcessKey key, BootNs at,
                                   BootNs until, std::string_view exe) const;

  /// Parent first, up to the oldest the log knows.
  [[nodiscard]] std::vector<Process> ancestors(const std::string& boot_id,
                                               event::ProcessKey key) const;

 private:
  struct Stage {  ///< from one exec (or snapshot) to the next
    BootNs since;
    bool is_fork = false;  ///< not an exec: the arguments are those of the parent
    std::string exe;
    std::vector<std::string> args;
    std::string user;
    event::Extra extra;
  };
  struct Life {
    std::vector<Stage> stages;  ///< by time
    std::optional<event::ProcessKey> parent;
    bool has_fork = false;
    std::string user;
    BootNs parent_seen;
    std::optional<std::int64_t> offset_ns;  ///< wall clock minus boot clock
  };
  using Id = std::pair<std::string, event::ProcessKey>;

  Status load_one(const Wanted& wanted);
  Status load_many(const std::vector<Wanted>& wanted, const store::Hints& hints);
  static store::Hints stretch_of(const std::vector<Wanted>& wanted);
  /// True: all of the time in `hints` was read; false: enough was known before.
  Result<bool> scan_life(const Wanted& wanted, store::Hints hints);
  Result<bool> log_has_clock_steps();
  [[nodiscard]] bool knows_image(const Wanted& wanted) const;
  [[nodiscard]] const Life* find_life(const std::string& boot_id, event::ProcessKey key) const;
  [[nodiscard]] const Stage* stage_at(const Life& life, BootNs at) const;
  [[nodiscard]] Process describe(const std::string& boot_id, event::ProcessKey key,
                                 const Stage* stage) const;
  [[nodiscard]] const Stage* inherited(const std::string& boot_id, event::ProcessKey key,
                                       BootNs at) const;
  [[nodiscard]] std::optional<Wanted> parent_of(const Wanted& child) const;

  store::LogReader& reader_;
  std::map<Id, Life> lives_;
  std::optional<bool> has_clock_steps_;
  std::map<std::string, std::int64_t> offsets_ns_;  ///< wall minus boot clock, by boot id
};

/// Boot-clock moment at which the kernel created the process.
[[nodiscard]] inline BootNs start_of(event::ProcessKey key) { return {key.start_us * 1000}; }

}  // namespace alibi::query
