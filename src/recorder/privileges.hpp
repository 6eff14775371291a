#pragma once
// Linux capabilities of the recorder: which are missing, and giving up all that
// are no longer needed. Names are those of capabilities(7), in lower case.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace alibi::recorder {

/// To load and attach everything.
inline constexpr std::string_view kCapabilitiesToAttach[] = {
    "cap_bpf", "cap_perfmon", "cap_net_admin", "cap_sys_ptrace", "cap_dac_read_search"};

/// To go on afterwards: /proc and executables of other users, socket tables,
/// buffers for processors that come online, BPF iterators; and for threads of
/// the idle class to leave it when the recorder ends (sched(7)).
inline constexpr std::string_view kCapabilitiesToRecord[] = {
    "cap_bpf",        "cap_perfmon",         "cap_net_admin",
    "cap_sys_ptrace", "cap_dac_read_search", "cap_sys_nice"};

/// The same with requests inside TLS: the kernel attaches uprobes only for
/// CAP_SYS_ADMIN (kernel/events/core.c, perf_uprobe_event_init; for a while, from
/// 5.8 on, CAP_PERFMON was enough), and libraries are found while recording.
inline constexpr std::string_view kCapabilitiesToProbeLibraries[] = {
    "cap_bpf",      "cap_perfmon",  "cap_net_admin", "cap_sys_ptrace", "cap_dac_read_search",
    "cap_sys_nice", "cap_sys_admin"};

/// Those of `needed` that this thread does not have in effect. CAP_SYS_ADMIN
/// stands for cap_bpf and cap_perfmon, as it does in the kernel.
[[nodiscard]] std::vector<std::string> missing_capabilities(
    std::span<const std::string_view> needed);

/// Denied, with a line for a person, when anything needed to attach is missing.
[[nodiscard]] Status check_privileges();

/// False in a container that has a PID namespace of its own: pids as this
/// process sees them are not those that kernel programs report.
[[nodiscard]] bool has_kernel_pids();

/// Gives up every capability not in `kept`: effective, permitted, inheritable,
/// ambient and bounding, and forbids to gain any by exec (no_new_privs). What
/// the thread does not have is not gained by naming it.
///
/// Works on the calling thread and those it starts later: call it before any
/// other thread exists, or in each. Cannot be undone.
/// Errors: Usage (unknown name), Denied, Io.
[[nodiscard]] Status keep_only(std::span<const std::string_view> kept);

}  // namespace alibi::recorder
