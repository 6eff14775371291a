#include "gate/kernel_gate.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "gate.skel.h"

namespace alibi::gate {
namespace {

namespace fs = std::filesystem;

constexpr int kTcxIngress = 46;  // BPF_TCX_INGRESS, Linux 6.6
constexpr std::uint32_t kFilterHandle = 0xA11B1;
constexpr std::uint32_t kFilterPriority = 1;
constexpr std::uint32_t kBatch = 4096;
constexpr std::size_t kAddressesMax = ALIBI_GATE_SLOTS * ALIBI_GATE_ADDRESSES_MAX;
constexpr std::size_t kDevicesMax = ALIBI_GATE_SLOTS * ALIBI_GATE_DEVICES_MAX;
constexpr const char* kFlows = "gate_flows";

std::string g_last_warning;

int keep_warning(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  std::vsnprintf(line, sizeof(line), format, arguments);
  const std::string text(line);
  if (text.find('\n') == text.size() - 1) g_last_warning = text.substr(0, text.size() - 1);
  return 0;
}

/// Whether packets of the device begin with an Ethernet header.
bool has_ethernet(const std::string& device) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  device.copy(request.ifr_name, IFNAMSIZ - 1);
  if (::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) return true;
  const auto type = request.ifr_hwaddr.sa_family;
  return type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
}

Status update(int fd, const void* key, const void* value, const char* what) {
  if (::bpf_map_update_elem(fd, key, value, BPF_ANY) != 0)
    return fail_errno(errno, fmt::format("tell the gate its {}", what));
  return {};
}

/// The keys as they were at the beginning, so that `visit` may remove them.
template <typename Key, typename Visit>
void for_each_key(int fd, std::size_t most, Visit visit) {
  std::vector<Key> keys;
  Key key{};
  while (keys.size() < most &&
         ::bpf_map_get_next_key(fd, keys.empty() ? nullptr : &keys.back(), &key) == 0)
    keys.push_back(key);
  for (const Key& each : keys)
    visit(each);
}

Status visit_flow_map(int fd, const KernelGate::FlowVisit& visit) {
  std::vector<alibi_gate_flow_key> keys(kBatch);
  std::vector<alibi_gate_flow> flows(kBatch);
  std::uint32_t in = 0;
  std::uint32_t out = 0;
  for (bool is_first = true;; is_first = false) {
    std::uint32_t count = kBatch;
    const int error = ::bpf_map_lookup_batch(fd, is_first ? nullptr : &in, &out, keys.data(),
                                             flows.data(), &count, nullptr);
    if (error != 0 && errno != ENOENT) return fail_errno(errno, "read the flows of the gate");
    for (std::uint32_t i = 0; i < count; ++i)
      visit(keys[i], flows[i]);
    if (error != 0) return {};
    in = out;
  }
}

template <typename Struct>
void add_all(Struct& sum, const Struct& one) {
  auto* to = reinterpret_cast<std::uint64_t*>(&sum);
  const auto* from = reinterpret_cast<const std::uint64_t*>(&one);
  for (std::size_t i = 0; i < sizeof(Struct) / sizeof(std::uint64_t); ++i)
    to[i] += from[i];
}

/// The sum over all CPUs of the element.
template <typename Struct>
Struct sum_of(int fd, std::uint32_t at) {
  std::vector<Struct> each(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
  Struct sum{};
  if (::bpf_map_lookup_elem(fd, &at, each.data()) != 0) return sum;
  for (const Struct& one : each)
    add_all(sum, one);
  return sum;
}

}  // namespace

Result<std::unique_ptr<KernelGate>> KernelGate::load() {
  ::libbpf_set_print(keep_warning);
  std::unique_ptr<KernelGate> gate(new KernelGate);
  gate->programs_ = gate_bpf__open_and_load();
  if (!gate->programs_) {
    const int error = errno;
    if (error == EPERM)
      return fail(Errc::Denied,
                  "the kernel refuses BPF (needs root, or CAP_BPF and CAP_NET_ADMIN)");
    return fail(Errc::Unsupported,
                fmt::format("this kernel does not load the gate (Linux 5.17 does): {}; 'alibi gate "
                            "--nft' prints rules for nftables instead",
                            g_last_warning));
  }
  const auto on_event = [](void* self, void* data, std::size_t size) {
    const auto* event = static_cast<const alibi_gate_event*>(data);
    auto* owner = static_cast<KernelGate*>(self);
    if (size >= sizeof(*event) && owner->visit_) owner->visit_(event->key, event->flow);
    return 0;
  };
  gate->ring_ = ::ring_buffer__new(gate->map_fd("gate_ring"), on_event, gate.get(), nullptr);
  if (!gate->ring_) return fail_errno(errno, "open the ring of the gate");
  return gate;
}

KernelGate::~KernelGate() {
  for (const Attachment& attachment : attachments_) {
    if (!pins_.empty() || attachment.hook != "clsact" || attachment.index == 0) continue;
    bpf_tc_hook hook{.sz = sizeof(hook),
                     .ifindex = static_cast<int>(attachment.index),
                     .attach_point = BPF_TC_INGRESS,
                     .parent = 0};
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.handle = kFilterHandle;
    options.priority = kFilterPriority;
    ::bpf_tc_detach(&hook, &options);
  }
  ::ring_buffer__free(ring_);
  gate_bpf__destroy(programs_);
}

int KernelGate::map_fd(const char* name) const {
  return ::bpf_object__find_map_fd_by_name(programs_->obj, name);
}

Status KernelGate::attach_program(Attachment& to, std::uint32_t index) {
  const bpf_program* program =
      has_ethernet(to.device) ? programs_->progs.gate_ethernet : programs_->progs.gate_bare;
  const int fd = ::bpf_program__fd(program);
  const int link = ::bpf_link_create(fd, static_cast<int>(index),
                                     static_cast<bpf_attach_type>(kTcxIngress), nullptr);
  if (link >= 0) {
    links_[to.device] = UniqueFd(link);
    to.hook = "tcx";
    to.index = index;
    return {};
  }
  if (errno == EPERM) return fail_errno(errno, "attach the gate to " + to.device);
  bpf_tc_hook hook{.sz = sizeof(hook),
                   .ifindex = static_cast<int>(index),
                   .attach_point = BPF_TC_INGRESS,
                   .parent = 0};
  if (const int error = ::bpf_tc_hook_create(&hook); error != 0 && error != -EEXIST)
    return fail_errno(-error, "make the clsact hook of " + to.device);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.prog_fd = fd;
  options.flags = BPF_TC_F_REPLACE;
  options.handle = kFilterHandle;
  options.priority = kFilterPriority;
  if (const int error = ::bpf_tc_attach(&hook, &options); error != 0)
    return fail_errno(-error, "attach the gate to " + to.device);
  to.hook = "clsact";
  to.index = index;
  return {};
}

Status KernelGate::attach(const std::string& device) {
  const std::uint32_t index = ::if_nametoindex(device.c_str());
  if (index == 0) return fail(Errc::NotFound, fmt::format("there is no device '{}'", device));
  Attachment attachment{.device = device};
  if (auto done = attach_program(attachment, index); !done) return done;
  attachments_.push_back(std::move(attachment));
  return {};
}

void KernelGate::follow_devices() {
  for (Attachment& attachment : attachments_) {
    const std::uint32_t index = ::if_nametoindex(attachment.device.c_str());
    if (index == attachment.index) continue;
    attachment.index = 0;
    links_.erase(attachment.device);
    // A device that is there and refuses is asked again in a second.
    if (index != 0 && attach_program(attachment, index) && !pins_.empty()) (void)pin_links();
  }
}

Status KernelGate::clear_slot(std::uint32_t slot) {
  const int addresses = map_fd("gate_addresses");
  for_each_key<alibi_gate_prefix>(addresses, kAddressesMax, [&](const alibi_gate_prefix& key) {
    if (key.slot == slot) ::bpf_map_delete_elem(addresses, &key);
  });
  const int devices = map_fd("gate_devices");
  for_each_key<alibi_gate_device>(devices, kDevicesMax, [&](const alibi_gate_device& key) {
    if (key.slot == slot) ::bpf_map_delete_elem(devices, &key);
  });
  return {};
}

Status KernelGate::fill_slot(std::uint32_t slot, const Tables& tables) {
  const std::vector<alibi_gate_hits> none(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
  for (std::size_t i = 0; i < tables.rules.size(); ++i) {
    const auto at = static_cast<std::uint32_t>(slot * ALIBI_GATE_RULES_MAX + i);
    if (auto done = update(map_fd("gate_rules"), &at, &tables.rules[i], "rules"); !done)
      return done;
    if (auto done = update(map_fd("gate_hits"), &at, none.data(), "counters"); !done) return done;
  }
  for (auto [key, zone] : tables.addresses) {
    key.slot = slot;
    if (auto done = update(map_fd("gate_addresses"), &key, &zone, "addresses"); !done) return done;
  }
  for (const auto& [index, zone] : tables.devices) {
    const alibi_gate_device key{.slot = slot, .index = index};
    if (auto done = update(map_fd("gate_devices"), &key, &zone, "devices"); !done) return done;
  }
  return update(map_fd("gate_policy"), &slot, &tables.policy, "policy");
}

Status KernelGate::set_keys(const std::map<std::uint8_t, Key>& keys) {
  for (std::uint32_t number = 0; number < ALIBI_GATE_KEYS; ++number) {
    alibi_gate_key value{};
    if (const auto at = keys.find(static_cast<std::uint8_t>(number)); at != keys.end()) {
      std::ranges::copy(at->second, value.bytes);
      value.is_set = 1;
    }
    if (auto done = update(map_fd("gate_keys"), &number, &value, "keys"); !done) return done;
  }
  return {};
}

Status KernelGate::control(const std::function<void(alibi_gate_control&)>& change) {
  const std::uint32_t zero = 0;
  alibi_gate_control now{};
  (void)::bpf_map_lookup_elem(map_fd("gate_control"), &zero, &now);
  change(now);
  return update(map_fd("gate_control"), &zero, &now, "settings");
}

Status KernelGate::install(const Tables& tables, const std::map<std::uint8_t, Key>& keys) {
  const std::uint32_t next = 1 - slot_;
  if (auto done = clear_slot(next); !done) return done;
  if (auto done = fill_slot(next, tables); !done) return done;
  if (auto done = set_keys(keys); !done) return done;
  if (auto done = control([&](auto& now) { now.slot = next; }); !done) return done;
  slot_ = next;
  return {};
}

Status KernelGate::set_wall_offset(std::int64_t offset_ns) {
  return control([&](auto& now) { now.wall_offset_ns = offset_ns; });
}

int KernelGate::poll_fd() const { return ::ring_buffer__epoll_fd(ring_); }

void KernelGate::read_events(const FlowVisit& visit) {
  visit_ = visit;
  (void)::ring_buffer__consume(ring_);
  visit_ = nullptr;
}

Status KernelGate::visit_flows(const FlowVisit& visit) {
  return visit_flow_map(map_fd(kFlows), visit);
}

bool KernelGate::remove_flow(const alibi_gate_flow_key& key, alibi_gate_flow& last) {
  return ::bpf_map_lookup_and_delete_elem(map_fd(kFlows), &key, &last) == 0;
}

alibi_gate_counters KernelGate::counters() const {
  return sum_of<alibi_gate_counters>(map_fd("gate_counters"), 0);
}

std::vector<alibi_gate_hits> KernelGate::hits(std::size_t rules) const {
  std::vector<alibi_gate_hits> all;
  for (std::size_t i = 0; i < rules; ++i)
    all.push_back(sum_of<alibi_gate_hits>(
        map_fd("gate_hits"), static_cast<std::uint32_t>(slot_ * ALIBI_GATE_RULES_MAX + i)));
  return all;
}

std::vector<KernelGate::Host> KernelGate::hosts(std::uint64_t now_boot_ns) {
  std::vector<Host> hosts;
  const int fd = map_fd("gate_hosts");
  for_each_key<alibi_gate_host>(fd, ALIBI_GATE_HOSTS_MAX, [&](const alibi_gate_host& key) {
    Host host{key, {}};
    if (::bpf_map_lookup_elem(fd, &key, &host.sticky) != 0) return;
    if (host.sticky.until_boot_ns > now_boot_ns)
      hosts.push_back(host);
    else
      ::bpf_map_delete_elem(fd, &key);
  });
  return hosts;
}

void KernelGate::renumber_hosts(const Policy& before, const Policy& now) {
  const int fd = map_fd("gate_hosts");
  std::vector<Host> moved;
  for (Host& host : hosts(0)) {
    if (host.host.zone >= before.zones.size()) continue;
    const auto& name = before.zones[host.host.zone].name;
    const auto at = std::ranges::find(now.zones, name, &Zone::name);
    if (at == now.zones.end()) continue;
    const auto number = static_cast<std::uint32_t>(at - now.zones.begin());
    if (number == host.host.zone) continue;
    ::bpf_map_delete_elem(fd, &host.host);
    host.host.zone = number;
    moved.push_back(host);
  }
  for (const Host& host : moved)
    ::bpf_map_update_elem(fd, &host.host, &host.sticky, BPF_ANY);
}

Status KernelGate::pin_links() {
  for (const auto& [device, link] : links_) {
    const fs::path path = pins_ / ("link_" + device);
    std::error_code ignored;
    fs::remove(path, ignored);
    if (::bpf_obj_pin(link.get(), path.c_str()) != 0)
      return fail_errno(errno, "pin " + path.string());
  }
  return {};
}

Status KernelGate::keep_in(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail_errno(error.value(), "make " + directory.string());
  fs::permissions(directory, fs::perms::owner_all, error);
  pins_ = directory;
  const fs::path flows = directory / kFlows;
  if (::bpf_obj_pin(map_fd(kFlows), flows.c_str()) != 0)
    return fail_errno(errno, "pin " + flows.string());
  return pin_links();
}

bool KernelGate::take_out(const fs::path& directory, const FlowVisit& visit) {
  const UniqueFd flows(::bpf_obj_get((directory / kFlows).c_str()));
  if (flows.is_open() && visit) (void)visit_flow_map(flows.get(), visit);
  std::error_code ignored;
  return fs::remove_all(directory, ignored) > 1;
}

}  // namespace alibi::gate
