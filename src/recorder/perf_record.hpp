#pragma once
// Records of the kernel's perf side band as C++ values: what a dummy software
// event with mmap2, comm_exec, task, bpf_event, namespaces and cgroup set
// reports (linux/perf_event.h decides the bytes).
//
// The decoder is total: any bytes give a value, Malformed at worst. It expects
// the trailer of sample_type TID|TIME|CPU (24 bytes) behind every record.
// Process and thread ids are those of the pid namespace of the process that
// opened the event. Times are CLOCK_BOOTTIME, because the event is opened so.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "base/clock.hpp"

namespace alibi::recorder::perf {

/// GNU build id as the kernel read it from the mapped file; size 0: none.
struct BuildId {
  std::array<std::uint8_t, 20> bytes{};
  std::uint8_t size = 0;
};

/// Memory became executable: a mapped library or image, a memfd, anonymous
/// memory ("//anon", "/dev/zero (deleted)"). `path` is as seen from the root of
/// the process and points into the record: copy it to keep it.
///
/// The kernel gives either a build id or device and inode, never both.
struct MapExec {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  BootNs boot;
  std::uint64_t address = 0;
  std::uint64_t length_bytes = 0;
  std::uint64_t file_offset_bytes = 0;
  std::uint32_t prot = 0;   ///< PROT_* of mmap(2), always with PROT_EXEC
  std::uint32_t flags = 0;  ///< MAP_* of mmap(2)
  BuildId build_id;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t inode = 0;
  std::string_view path;
};

/// A process (not a further thread of one) was created by `parent_pid`.
struct NewProcess {
  std::uint32_t pid = 0;
  std::uint32_t parent_pid = 0;
  std::uint32_t parent_tid = 0;
  BootNs boot;
};

/// A thread ended; the process ended with it when it was the last one, which
/// this record does not tell.
struct EndedTask {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  BootNs boot;
};

/// execve succeeded. `comm` points into the record.
struct Exec {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  BootNs boot;
  std::string_view comm;
};

struct BpfProgram {
  std::uint32_t id = 0;
  std::array<std::uint8_t, 8> tag{};
  bool is_load = false;   ///< false: unloaded
  std::uint32_t pid = 0;  ///< who did it; 0 for unloads done by a kernel thread
  std::uint32_t tid = 0;
  BootNs boot;
};

/// Namespaces of a task after clone, unshare or setns. The kernel sends one for
/// every clone, also where nothing changed. Inode numbers by NamespaceType.
enum class NamespaceType : std::uint8_t { Net, Uts, Ipc, Pid, User, Mnt, Cgroup };
struct Namespaces {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  BootNs boot;
  std::array<std::uint64_t, 7> inodes{};  ///< 0: kernel without that type
};

/// A control group was created. `path` (from the root of its hierarchy) points
/// into the record.
struct NewCgroup {
  std::uint64_t id = 0;
  BootNs boot;
  std::string_view path;
};

/// `count` records of one CPU were lost before this one. Written by the kernel
/// only when a later record finds room: PerfSideBand::lost() is the exact count.
struct Lost {
  std::uint32_t cpu = 0;
  std::uint64_t count = 0;
  BootNs boot;
};

struct Ignored {};    ///< well formed, of no interest (thread creation, plain comm change, ...)
struct Malformed {};  ///< shorter than its kind demands

using Record = std::variant<Ignored, Malformed, MapExec, NewProcess, EndedTask, Exec, BpfProgram,
                            Namespaces, NewCgroup, Lost>;

/// `bytes` is one record from its header on, exactly as long as the header says.
[[nodiscard]] Record decode_perf_record(std::span<const std::byte> bytes);

}  // namespace alibi::recorder::perf
