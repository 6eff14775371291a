#pragma once
// What /proc tells about one process: for processes that ran before the
// recorder, and to complete what a kernel program had to cut.
//
// Everything is read through one descriptor of /proc/PID, so all of it belongs
// to one process, even when the pid is reused meanwhile; whether it is the
// process the caller means, its start time tells. Fields that could not be read
// (process ended, no privilege, kernel thread) are empty.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace alibi::recorder {

inline constexpr std::size_t kMaxCommandLineBytes =
    2U << 20;  // the kernel's own limit for most stacks

struct ProcUids {
  std::uint32_t real = 0;
  std::uint32_t effective = 0;
  std::uint32_t saved = 0;
};

struct ProcNamespaces {
  std::uint64_t mnt = 0;
  std::uint64_t pid = 0;
  std::uint64_t net = 0;
  std::uint64_t user = 0;
  std::uint64_t uts = 0;
  std::uint64_t ipc = 0;
  std::uint64_t cgroup = 0;
};

struct ProcSnapshot {
  std::uint32_t pid = 0;
  std::uint32_t parent_pid = 0;
  std::uint64_t start_us = 0;  ///< CLOCK_BOOTTIME, cut to 10 ms by /proc
  std::string comm;
  std::vector<std::string> args;
  bool is_args_cut = false;  ///< longer than kMaxCommandLineBytes
  std::string exe;           ///< with " (deleted)" removed
  bool is_exe_deleted = false;
  std::string cwd;
  std::string root;    ///< "/" unless chrooted
  std::string cgroup;  ///< path in the unified hierarchy, else in v1 memory
  std::optional<ProcUids> uids;
  std::optional<ProcUids> gids;            ///< same fields, of groups
  std::optional<std::uint32_t> login_uid;  ///< empty: never set
  ProcNamespaces namespaces;
};

/// `proc_root` is another mount of procfs in tests.
///
/// Errors: NotFound (no such process, or it ended before anything was read), Io.
[[nodiscard]] Result<ProcSnapshot> read_process(std::uint32_t pid,
                                                const std::string& proc_root = "/proc");

}  // namespace alibi::recorder
