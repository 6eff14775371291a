#pragma once
// The programs of bpf/mark.bpf.c: loaded, attached, pinned, and taken away. What
// is pinned works without any process; every call here finds it by its pin, so
// that it does not matter which process attached it.
//
// Pins, below Settings::pins: al_mk_state, al_mk_counters, al_mk_devices (maps),
// al_mk_existing, al_mk_guard (programs), socket (link of sock_ops),
// guard_NETNS_INDEX (tcx links). Where the kernel has no tcx (before 6.6) the
// guard is a clsact filter with a priority of its own.
//
// Callers hold the lock of sender.hpp. Errors: Denied, Unsupported, Io.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "mark/network_namespaces.hpp"
#include "mark/uplinks.hpp"
#include "wire/alibi_mark_sender.h"

namespace alibi::mark {

struct Settings {
  std::filesystem::path pins = "/sys/fs/bpf/alibi/mark";
  std::filesystem::path cgroup;      ///< empty: the root of the cgroup2 hierarchy
  std::vector<std::string> devices;  ///< only these, and only the caller's network namespace
};

class KernelPrograms {
 public:
  explicit KernelPrograms(Settings settings) : settings_(std::move(settings)) {}

  /// Attached at the cgroup: sockets are marked when the state says so.
  [[nodiscard]] bool are_attached() const;

  /// Loads this build's programs and attaches them everywhere; those of another
  /// build are replaced without a gap. Then switches on the sockets that exist.
  Status attach();
  /// Detaches everything; maps stay.
  Status detach();

  /// Guards devices that are not guarded yet, in every namespace, and drops the
  /// pins of those that are gone. Errors: NotFound when marking is off.
  Status guard_devices();

  [[nodiscard]] std::size_t count_guarded() const;

  /// The state, all zero where there is none. Io.
  Result<alibi_mark_state> read_state();
  Status write_state(const alibi_mark_state& state);
  /// Sum over CPUs; all zero where there are none.
  [[nodiscard]] alibi_mark_counters read_counters() const;

 private:
  [[nodiscard]] std::filesystem::path pin(const std::string& name) const {
    return settings_.pins / name;
  }
  [[nodiscard]] std::filesystem::path guard_pin(std::uint32_t net_ns, std::uint32_t index) const;
  Status make_pin_directory() const;
  Result<int> open_state_map();
  Status load();
  Status attach_sockets(int program_fd);
  Status mark_existing(int program_fd);
  Status guard_namespace(const NetworkNamespace& there, int program_fd, int devices_fd);
  Status guard(std::uint32_t net_ns, const Device& device, int program_fd);
  void drop_stale_guards(const NetworkNamespace& there, const std::vector<Device>& devices,
                         int devices_fd);
  Result<std::vector<NetworkNamespace>> namespaces() const;
  void detach_filters();

  Settings settings_;
};

}  // namespace alibi::mark
