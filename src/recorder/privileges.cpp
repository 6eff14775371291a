#include "recorder/privileges.hpp"

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>

namespace alibi::recorder {
namespace {

struct FreeCap {
  void operator()(void* cap) const { ::cap_free(cap); }
};
using Caps = std::unique_ptr<std::remove_pointer_t<cap_t>, FreeCap>;

bool is_effective(cap_t caps, cap_value_t value) {
  cap_flag_value_t flag = CAP_CLEAR;
  return ::cap_get_flag(caps, value, CAP_EFFECTIVE, &flag) == 0 && flag == CAP_SET;
}

Result<std::vector<cap_value_t>> values_of(std::span<const std::string_view> names) {
  std::vector<cap_value_t> values;
  for (const std::string_view name : names) {
    cap_value_t value = 0;
    if (::cap_from_name(std::string(name).c_str(), &value) != 0) {
      return fail(Errc::Usage, "unknown capability " + std::string(name));
    }
    values.push_back(value);
  }
  return values;
}

/// The bounding set limits what exec can give; dropping from it needs
/// CAP_SETPCAP. Without that, no_new_privs alone keeps exec from giving any.
Status drop_bounding(std::span<const cap_value_t> kept) {
  for (cap_value_t value = 0; value < ::cap_max_bits(); ++value) {
    if (std::ranges::find(kept, value) != kept.end() || ::cap_get_bound(value) != CAP_SET) continue;
    if (::cap_drop_bound(value) != 0)
      return fail_errno(errno, "drop a capability from the bounding set");
  }
  return {};
}

}  // namespace

std::vector<std::string> missing_capabilities(std::span<const std::string_view> needed) {
  const Caps caps(::cap_get_proc());
  std::vector<std::string> missing;
  for (const std::string_view name : needed) {
    cap_value_t value = 0;
    const bool is_known = ::cap_from_name(std::string(name).c_str(), &value) == 0;
    const bool is_covered = (name == "cap_bpf" || name == "cap_perfmon") && caps &&
                            is_effective(caps.get(), CAP_SYS_ADMIN);
    const bool is_there = caps && is_known && is_effective(caps.get(), value);
    if (!is_there && !is_covered) missing.emplace_back(name);
  }
  return missing;
}

Status check_privileges() {
  const auto missing = missing_capabilities(kCapabilitiesToAttach);
  if (missing.empty()) return {};
  std::string names;
  for (const std::string& name : missing)
    names += (names.empty() ? "" : ", ") + name;
  return fail(Errc::Denied, "recording needs " + names + ": run it as root (sudo alibi ...)");
}

bool has_kernel_pids() {
  constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO, include/linux/proc_ns.h
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == kInitialPidNamespace;
}

Status keep_only(std::span<const std::string_view> kept) {
  const auto values = values_of(kept);
  if (!values) return std::unexpected(values.error());
  const Caps now(::cap_get_proc());
  const Caps later(::cap_init());
  if (!now || !later) return fail_errno(errno, "read the capabilities");
  std::vector<cap_value_t> held;
  std::ranges::copy_if(*values, std::back_inserter(held), [&](cap_value_t value) {
    cap_flag_value_t flag = CAP_CLEAR;
    return ::cap_get_flag(now.get(), value, CAP_PERMITTED, &flag) == 0 && flag == CAP_SET;
  });
  const auto count = static_cast<int>(held.size());
  if (count > 0 && (::cap_set_flag(later.get(), CAP_PERMITTED, count, held.data(), CAP_SET) != 0 ||
                    ::cap_set_flag(later.get(), CAP_EFFECTIVE, count, held.data(), CAP_SET) != 0)) {
    return fail_errno(errno, "choose the capabilities to keep");
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(errno, "set no_new_privs");
  if (::cap_reset_ambient() != 0) return fail_errno(errno, "clear the ambient capabilities");
  if (is_effective(now.get(), CAP_SETPCAP)) {
    if (auto dropped = drop_bounding(*values); !dropped) return dropped;
  }
  if (::cap_set_proc(later.get()) != 0) return fail_errno(errno, "give up capabilities");
  return {};
}

}  // namespace alibi::recorder
