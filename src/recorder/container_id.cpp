#include "recorder/container_id.hpp"

#include <algorithm>
#include <array>

namespace alibi::recorder {
namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

bool is_long_id(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, is_hex);
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

int hex_value(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/// systemd writes "-" and other bytes of a name inside a unit name as \x2d.
std::string unescape_unit(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x' && is_hex(text[i + 2]) &&
        is_hex(text[i + 3])) {
      plain += static_cast<char>(hex_value(text[i + 2]) * 16 + hex_value(text[i + 3]));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// "<prefix><64 hex digits>", with ".scope" where systemd manages the group.
std::optional<ContainerId> by_id_prefix(std::string_view name) {
  struct Rule {
    std::string_view prefix, runtime;
  };
  static constexpr std::array<Rule, 6> kRules{{{"docker-", "docker"},
                                               {"libpod-", "podman"},
                                               {"cri-containerd-", "containerd"},
                                               {"nerdctl-", "containerd"},
                                               {"crio-", "crio"},
                                               {"cri-o-", "crio"}}};
  take_suffix(name, ".scope");
  for (const Rule& rule : kRules) {
    std::string_view id = name;
    if (take_prefix(id, rule.prefix) && is_long_id(id)) {
      return ContainerId{std::string(rule.runtime), std::string(id)};
    }
  }
  return std::nullopt;
}

/// systemd's machines: nspawn containers, virtual machines of libvirt.
std::optional<ContainerId> by_machine(std::string_view name) {
  std::string_view machine = name;
  if (take_prefix(machine, "machine-") && take_suffix(machine, ".scope") && !machine.empty()) {
    return ContainerId{"machine", unescape_unit(machine)};
  }
  machine = name;
  if (take_prefix(machine, "systemd-nspawn@") && take_suffix(machine, ".service") &&
      !machine.empty()) {
    return ContainerId{"machine", unescape_unit(machine)};
  }
  return std::nullopt;
}

std::optional<ContainerId> by_lxc(std::string_view parent, std::string_view name) {
  std::string_view container = name;
  if (take_prefix(container, "lxc.payload.") && !container.empty())
    return ContainerId{"lxc", std::string(container)};
  const bool is_below = parent == "lxc" || parent == "lxc.payload";
  if (is_below && !name.empty()) return ContainerId{"lxc", std::string(name)};
  return std::nullopt;
}

/// A component that is nothing but an id; the one above it tells the runtime.
std::optional<ContainerId> by_bare_id(std::string_view parent, std::string_view name) {
  // containerd given a systemd-style path without systemd: "slice:runtime:id".
  if (const auto colon = name.rfind(':'); colon != std::string_view::npos) {
    const std::string_view id = name.substr(colon + 1);
    const bool is_cri = name.find(":cri-containerd:") != std::string_view::npos;
    if (is_long_id(id)) return ContainerId{is_cri ? "containerd" : "unknown", std::string(id)};
  }
  if (!is_long_id(name)) return std::nullopt;
  if (parent == "docker") return ContainerId{"docker", std::string(name)};
  if (parent.starts_with("pod") || parent.starts_with("kubepods"))
    return ContainerId{"kubernetes", std::string(name)};
  return ContainerId{"unknown", std::string(name)};
}

}  // namespace

std::optional<ContainerId> find_container(std::string_view path) {
  std::optional<ContainerId> found;
  std::string_view parent;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (name.empty()) continue;
    auto here = by_id_prefix(name);
    if (!here) here = by_machine(name);
    if (!here) here = by_lxc(parent, name);
    if (!here) here = by_bare_id(parent, name);
    if (here) found = std::move(here);
    parent = name;
  }
  return found;
}

}  // namespace alibi::recorder
