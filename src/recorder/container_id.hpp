#pragma once
// Which container a control group belongs to, read from its path alone: the
// names that container runtimes give. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace alibi::recorder {

struct ContainerId {
  std::string runtime;  ///< docker, podman, containerd, crio, kubernetes, lxc, machine, unknown
  std::string id;       ///< as the runtime's own tools show it (64 hex digits, or a name)
  auto operator<=>(const ContainerId&) const = default;
};

/// `path` is the control group from the root of its hierarchy, such as
/// "/system.slice/docker-0123....scope". With containers inside containers the
/// innermost counts. Runtimes' own monitors (conmon, lxc.monitor) are no
/// container. Empty: none that we know.
[[nodiscard]] std::optional<ContainerId> find_container(std::string_view path);

}  // namespace alibi::recorder
