#pragma once
// Path of a control group from its id, which is what kernel programs and perf
// records carry (bpf_get_current_cgroup_id, kernfs node id; Linux 5.5).
//
// The id is also a file handle of the cgroup file system, so one lookup opens
// exactly that directory, without a walk; a group that is gone gives nothing,
// unless its path was told before (remember(), from PERF_RECORD_CGROUP). Ids
// are never used twice within a boot.
//
// Works for the unified hierarchy wherever it is mounted, and for version 1
// hierarchies of hybrid hosts. Needs CAP_DAC_READ_SEARCH. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::recorder {

/// Where a hierarchy is mounted, out of the text of /proc/self/mountinfo.
struct CgroupMount {
  std::string directory;  ///< mount point
  std::string root;       ///< the group that the mount point shows, "/" mostly
};

/// `controller` "" means the unified hierarchy, else a version 1 controller
/// such as "memory".
[[nodiscard]] std::optional<CgroupMount> find_cgroup_mount(std::string_view mountinfo,
                                                           std::string_view controller);

class CgroupPaths {
 public:
  /// Errors: NotFound (not mounted), Denied, Io.
  [[nodiscard]] static Result<CgroupPaths> open(std::string_view controller = "");

  /// Where this hierarchy is mounted; programs attach to it there.
  [[nodiscard]] const CgroupMount& mount() const { return mount_; }

  /// "/system.slice/cron.service"; empty for a group that is gone and was never
  /// seen. At most one open and one readlink, only for ids not in the cache.
  [[nodiscard]] std::string path(std::uint64_t id);

  /// The kernel said that group `id` has this path.
  void remember(std::uint64_t id, std::string_view path);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::string path;
  };

  CgroupPaths(CgroupMount mount, UniqueFd directory)
      : mount_(std::move(mount)), directory_(std::move(directory)) {}
  [[nodiscard]] std::string look_up(std::uint64_t id) const;

  CgroupMount mount_;
  UniqueFd directory_;
  std::list<Entry> entries_;  // least recently used first
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_id_;
};

}  // namespace alibi::recorder
