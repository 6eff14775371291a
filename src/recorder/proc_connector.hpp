#pragma once
// What only the kernel's process connector (netlink cn_proc) tells: who traces
// whom, changes of user and group ids, core dumps. Fork, exec and exit also
// travel there; a socket filter drops them in the kernel.
//
// Ids are those of the initial pid namespace; the connector only speaks to
// processes in the initial network, pid and user namespaces. Needs
// CAP_NET_ADMIN before Linux 6.6. Not thread-safe; nothing blocks.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::recorder::proc {

/// PTRACE_ATTACH or PTRACE_SEIZE succeeded; `tracer_pid` 0: PTRACE_DETACH. The
/// kernel does not report PTRACE_TRACEME, by which a child asks its own parent.
struct Ptrace {
  std::uint32_t target_pid = 0;
  std::uint32_t target_tid = 0;
  std::uint32_t tracer_pid = 0;
  std::uint32_t tracer_tid = 0;
  BootNs boot;
};

struct UserChange {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t real_uid = 0;
  std::uint32_t effective_uid = 0;
  BootNs boot;
};

struct GroupChange {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t real_gid = 0;
  std::uint32_t effective_gid = 0;
  BootNs boot;
};

struct CoreDump {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  BootNs boot;
};

struct Ignored {};    ///< another kind of event, or an acknowledgement
struct Malformed {};  ///< not a process connector message

using Event = std::variant<Ignored, Malformed, Ptrace, UserChange, GroupChange, CoreDump>;

/// `bytes` is one netlink message. The kernel stamps CLOCK_MONOTONIC;
/// `monotonic_to_boot_ns` (time spent in suspend so far) turns it into BootNs.
[[nodiscard]] Event decode_proc_message(std::span<const std::byte> bytes,
                                        std::uint64_t monotonic_to_boot_ns);

class ProcConnector {
 public:
  /// Errors: Denied (no CAP_NET_ADMIN, or not in the initial namespaces),
  /// Unsupported (kernel without CONFIG_PROC_EVENTS), Io.
  [[nodiscard]] static Result<ProcConnector> open();

  [[nodiscard]] int poll_fd() const { return fd_.get(); }

  using OnEvent = std::function<void(const Event&)>;
  /// Reads what has arrived, at most 4096 messages a call. Ignored events are
  /// left out. Errors: Io; the connector is then of no more use.
  Result<std::size_t> drain(const OnEvent& on_event);

  /// How often the socket's buffer overflowed; each time at least one message
  /// was lost, how many the kernel does not tell.
  [[nodiscard]] std::uint64_t overflows() const { return overflows_; }

 private:
  explicit ProcConnector(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::uint64_t overflows_ = 0;
};

}  // namespace alibi::recorder::proc
