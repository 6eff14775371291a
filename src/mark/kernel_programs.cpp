#include "mark/kernel_programs.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>

#include "base/unique_fd.hpp"
#include "mark.skel.h"

namespace alibi::mark {
namespace fs = std::filesystem;
namespace {

constexpr long kBpffsMagic = 0xcafe4a11;                       // include/uapi/linux/magic.h
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);  // BPF_TCX_EGRESS, Linux 6.6
constexpr std::uint32_t kFilterHandle = 1;
constexpr std::uint32_t kFilterPriority = 0xa11b;  // ours among the filters of clsact
constexpr std::uint32_t kZero = 0;

struct CloseObject {
  void operator()(bpf_object* object) const { ::bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

std::string g_last_warning;  // of libbpf, which has one callback per process

int note_warning(libbpf_print_level level, const char* format, va_list args) {
  char line[1024];
  if (level != LIBBPF_WARN) return 0;
  std::vsnprintf(line, sizeof(line), format, args);
  if (!std::strstr(line, "PROG LOAD LOG"))
    g_last_warning = std::string(line, std::strcspn(line, "\n"));
  return 0;
}

UniqueFd open_pin(const fs::path& path) { return UniqueFd(::bpf_obj_get(path.c_str())); }

/// Where the cgroup2 hierarchy is mounted; empty: nowhere.
fs::path cgroup_root() {
  std::ifstream mounts("/proc/self/mounts");
  std::string line;
  while (std::getline(mounts, line)) {
    std::istringstream words(line);
    std::string device, directory, type;
    words >> device >> directory >> type;
    if (type == "cgroup2") return directory;
  }
  return {};
}

std::unexpected<Error> refused(int error, std::string_view what) {
  if (error == EPERM || error == EACCES)
    return fail(Errc::Denied,
                fmt::format("{}: needs root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN)", what));
  return fail(Errc::Unsupported,
              fmt::format("{}: {}{}{}; marking needs Linux 5.12", what, ::strerrordesc_np(error),
                          g_last_warning.empty() ? "" : ": ", g_last_warning));
}

/// Links and programs are replaced by new ones of the same name.
Status pin_anew(int fd, const fs::path& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
  if (::bpf_obj_pin(fd, path.c_str()) != 0) return fail_errno(errno, "pin " + path.string());
  return {};
}

/// NETNS and index out of the name of a guard's pin.
std::optional<alibi_mark_device> guarded_by(const std::string& name) {
  alibi_mark_device device{};
  if (std::sscanf(name.c_str(), "guard_%u_%u", &device.net_ns, &device.index) != 2)
    return std::nullopt;
  return device;
}

/// Of a map; empty: it cannot be told.
std::optional<std::uint32_t> value_bytes(const UniqueFd& map) {
  bpf_map_info info{};
  std::uint32_t bytes = sizeof(info);
  if (!map.is_open() || ::bpf_obj_get_info_by_fd(map.get(), &info, &bytes) != 0)
    return std::nullopt;
  return info.value_size;
}

/// A map of another build that has another layout cannot be taken over; the programs
/// that wrote it are replaced in a moment.
void drop_other_layout(const bpf_map& map, const fs::path& path) {
  const auto bytes = value_bytes(open_pin(path));
  std::error_code ignored;
  if (bytes && *bytes != ::bpf_map__value_size(&map)) fs::remove(path, ignored);
}

/// The keys of al_mk_devices.
std::vector<alibi_mark_device> noted_devices(int map_fd) {
  std::vector<alibi_mark_device> keys;
  alibi_mark_device key{};
  const void* previous = nullptr;
  while (::bpf_map_get_next_key(map_fd, previous, &key) == 0) {
    keys.push_back(key);
    previous = &key;
  }
  return keys;
}

bpf_tc_hook hook_of(std::uint32_t index) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(index);
  hook.attach_point = BPF_TC_EGRESS;
  return hook;
}

Status attach_filter(const Device& device, int program_fd) {
  bpf_tc_hook hook = hook_of(device.index);
  if (const int error = ::bpf_tc_hook_create(&hook); error != 0 && error != -EEXIST)
    return refused(-error, "guard " + device.name);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.prog_fd = program_fd;
  options.handle = kFilterHandle;
  options.priority = kFilterPriority;
  options.flags = BPF_TC_F_REPLACE;
  if (const int error = ::bpf_tc_attach(&hook, &options); error != 0)
    return refused(-error, "guard " + device.name);
  return {};
}

void detach_filter(std::uint32_t index) {
  bpf_tc_hook hook = hook_of(index);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.handle = kFilterHandle;
  options.priority = kFilterPriority;
  (void)::bpf_tc_detach(&hook, &options);
}

}  // namespace

bool KernelPrograms::are_attached() const { return open_pin(pin("socket")).is_open(); }

fs::path KernelPrograms::guard_pin(std::uint32_t net_ns, std::uint32_t index) const {
  return pin(fmt::format("guard_{}_{}", net_ns, index));
}

Status KernelPrograms::make_pin_directory() const {
  struct statfs info {};
  const char* bpffs = "/sys/fs/bpf";
  if (::statfs(bpffs, &info) != 0 || info.f_type != kBpffsMagic)
    (void)::mount("bpf", bpffs, "bpf", 0, nullptr);
  std::error_code error;
  fs::create_directories(settings_.pins, error);
  if (error) return fail_errno(error.value(), "make " + settings_.pins.string());
  return {};
}

Result<int> KernelPrograms::open_state_map() {
  const int found = ::bpf_obj_get(pin("al_mk_state").c_str());
  if (found >= 0) return found;
  if (errno != ENOENT) return refused(errno, "open the state of marking");
  if (auto made = make_pin_directory(); !made) return std::unexpected(made.error());
  UniqueFd map(::bpf_map_create(BPF_MAP_TYPE_HASH, "al_mk_state", sizeof(std::uint32_t),
                                sizeof(alibi_mark_state), 1, nullptr));
  if (!map.is_open()) return refused(errno, "make the state of marking");
  if (auto pinned = pin_anew(map.get(), pin("al_mk_state")); !pinned)
    return std::unexpected(pinned.error());
  return map.release();
}

Result<alibi_mark_state> KernelPrograms::read_state() {
  alibi_mark_state state{};
  state.wire_version = ALIBI_MARK_SENDER_WIRE_VERSION;
  state.version = 1;
  std::error_code ignored;
  if (!fs::exists(pin("al_mk_state"), ignored)) return state;
  const auto fd = open_state_map();
  if (!fd) return std::unexpected(fd.error());
  const UniqueFd map(*fd);
  const auto bytes = value_bytes(map);
  if (!bytes) return fail_errno(errno, "read the state of marking");
  alibi_mark_state found{};
  if (*bytes != sizeof(found))
    return fail(Errc::Unsupported,
                fmt::format("{} is of another version of alibi; end it with 'alibi "
                            "mark off' of that version, or remove the directory",
                            settings_.pins.string()));
  if (::bpf_map_lookup_elem(map.get(), &kZero, &found) == 0 &&
      found.wire_version == ALIBI_MARK_SENDER_WIRE_VERSION)
    state = found;
  state.count = std::min<std::uint32_t>(state.count, ALIBI_MARK_DIAGNOSES_MAX);
  return state;
}

Status KernelPrograms::write_state(const alibi_mark_state& state) {
  const auto fd = open_state_map();
  if (!fd) return std::unexpected(fd.error());
  const UniqueFd map(*fd);
  if (::bpf_map_update_elem(map.get(), &kZero, &state, BPF_ANY) != 0)
    return fail_errno(errno, "write the state of marking");
  return {};
}

alibi_mark_counters KernelPrograms::read_counters() const {
  alibi_mark_counters sum{};
  const UniqueFd map = open_pin(pin("al_mk_counters"));
  std::vector<alibi_mark_counters> all(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
  if (value_bytes(map) != sizeof(sum)) return sum;  // none, or of another build
  if (::bpf_map_lookup_elem(map.get(), &kZero, all.data()) != 0) return sum;
  constexpr std::size_t kCounters = sizeof(sum) / sizeof(std::uint64_t);
  auto* to = reinterpret_cast<__u64*>(&sum);
  for (const auto& one : all)
    for (std::size_t k = 0; k < kCounters; ++k)
      to[k] += reinterpret_cast<const __u64*>(&one)[k];
  return sum;
}

Status KernelPrograms::attach() {
  if (auto made = make_pin_directory(); !made) return made;
  if (auto state = open_state_map(); state)
    UniqueFd(*state).reset();
  else
    return std::unexpected(state.error());
  if (auto loaded = load(); !loaded) return loaded;
  if (auto guarded = guard_devices(); !guarded) return guarded;
  const UniqueFd existing = open_pin(pin("al_mk_existing"));
  return existing.is_open() ? mark_existing(existing.get()) : Status{};
}

Status KernelPrograms::load() {
  ::libbpf_set_print(note_warning);
  g_last_warning.clear();
  std::size_t size = 0;
  const void* bytes = mark_bpf__elf_bytes(&size);
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = "alibi_mark";
  const Object object(::bpf_object__open_mem(bytes, size, &options));
  if (!object) return refused(errno, "open the programs that mark");
  for (const char* name : {"al_mk_state", "al_mk_counters", "al_mk_devices"})
    if (bpf_map* map = ::bpf_object__find_map_by_name(object.get(), name)) {
      drop_other_layout(*map, pin(name));
      (void)::bpf_map__set_pin_path(map, pin(name).c_str());
    }
  if (const int error = ::bpf_object__load(object.get()); error != 0)
    return refused(-error, "load the programs that mark");
  for (const char* name : {"al_mk_existing", "al_mk_guard"}) {
    const bpf_program* program = ::bpf_object__find_program_by_name(object.get(), name);
    if (auto pinned = pin_anew(::bpf_program__fd(program), pin(name)); !pinned) return pinned;
  }
  const bpf_program* socket = ::bpf_object__find_program_by_name(object.get(), "al_mk_socket");
  return attach_sockets(::bpf_program__fd(socket));
}

Status KernelPrograms::attach_sockets(int program_fd) {
  if (const UniqueFd link = open_pin(pin("socket")); link.is_open())
    return ::bpf_link_update(link.get(), program_fd, nullptr) == 0
               ? Status{}
               : refused(errno, "replace the program at the cgroup");
  const fs::path directory = settings_.cgroup.empty() ? cgroup_root() : settings_.cgroup;
  if (directory.empty())
    return fail(Errc::Unsupported, "no cgroup2 file system is mounted; marking needs one");
  const UniqueFd cgroup(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup.is_open()) return fail_errno(errno, "open " + directory.string());
  const UniqueFd link(::bpf_link_create(program_fd, cgroup.get(), BPF_CGROUP_SOCK_OPS, nullptr));
  if (!link.is_open()) return refused(errno, "attach to " + directory.string());
  return pin_anew(link.get(), pin("socket"));
}

Result<std::vector<NetworkNamespace>> KernelPrograms::namespaces() const {
  if (settings_.devices.empty()) return all_namespaces();
  auto own = current_namespace();
  if (!own) return std::unexpected(own.error());
  std::vector<NetworkNamespace> one;
  one.push_back(std::move(*own));
  return one;
}

Status KernelPrograms::mark_existing(int program_fd) {
  const UniqueFd link(::bpf_link_create(program_fd, 0, BPF_TRACE_ITER, nullptr));
  if (!link.is_open()) return refused(errno, "walk the sockets that exist");
  const auto all = namespaces();
  if (!all) return std::unexpected(all.error());
  for (const NetworkNamespace& there : *all) {
    const Status walked = inside(there, [&]() -> Status {
      const UniqueFd iterator(::bpf_iter_create(link.get()));
      if (!iterator.is_open()) return refused(errno, "walk the sockets that exist");
      char nothing[256];
      ssize_t bytes = 0;
      do {
        bytes = ::read(iterator.get(), nothing, sizeof(nothing));
      } while (bytes > 0 || (bytes < 0 && errno == EAGAIN));
      return bytes < 0 ? fail_errno(errno, "walk the sockets that exist") : Status{};
    });
    if (!walked) return walked;
  }
  return {};
}

Status KernelPrograms::guard_devices() {
  const UniqueFd program = open_pin(pin("al_mk_guard"));
  const UniqueFd devices = open_pin(pin("al_mk_devices"));
  if (!program.is_open() || !devices.is_open()) return fail(Errc::NotFound, "marking is off");
  const auto all = namespaces();
  if (!all) return std::unexpected(all.error());
  for (const NetworkNamespace& there : *all) {
    const Status guarded =
        inside(there, [&] { return guard_namespace(there, program.get(), devices.get()); });
    if (!guarded) return guarded;
  }
  return {};
}

std::size_t KernelPrograms::count_guarded() const {
  const UniqueFd devices = open_pin(pin("al_mk_devices"));
  return devices.is_open() ? noted_devices(devices.get()).size() : 0;
}

Status KernelPrograms::guard_namespace(const NetworkNamespace& there, int program_fd,
                                       int devices_fd) {
  const auto devices = list_devices();
  if (!devices) return std::unexpected(devices.error());
  drop_stale_guards(there, *devices, devices_fd);
  for (const std::string& name : settings_.devices)
    if (std::ranges::find(*devices, name, &Device::name) == devices->end())
      return fail(Errc::NotFound, fmt::format("there is no network device '{}'", name));
  for (const Device& device : *devices) {
    const bool is_named =
        std::ranges::find(settings_.devices, device.name) != settings_.devices.end();
    if (!(settings_.devices.empty() ? device.leads_out() : is_named)) continue;
    if (auto done = guard(there.inode, device, program_fd); !done) return done;
    const alibi_mark_device key{there.inode, device.index};
    const std::uint32_t one = 1;
    if (::bpf_map_update_elem(devices_fd, &key, &one, BPF_ANY) != 0)
      return fail_errno(errno, "note the device " + device.name);
  }
  return {};
}

Status KernelPrograms::guard(std::uint32_t net_ns, const Device& device, int program_fd) {
  const fs::path path = guard_pin(net_ns, device.index);
  if (const UniqueFd link = open_pin(path); link.is_open())
    return ::bpf_link_update(link.get(), program_fd, nullptr) == 0
               ? Status{}
               : refused(errno, "replace the guard of " + device.name);
  const UniqueFd link(
      ::bpf_link_create(program_fd, static_cast<int>(device.index), kTcxEgress, nullptr));
  if (link.is_open()) return pin_anew(link.get(), path);
  return attach_filter(device, program_fd);
}

/// A device took its link with it; its number may come back as another's.
void KernelPrograms::drop_stale_guards(const NetworkNamespace& there,
                                       const std::vector<Device>& devices, int devices_fd) {
  std::error_code ignored;
  for (const alibi_mark_device& device : noted_devices(devices_fd)) {
    if (device.net_ns != there.inode ||
        std::ranges::find(devices, device.index, &Device::index) != devices.end())
      continue;
    fs::remove(guard_pin(device.net_ns, device.index), ignored);
    (void)::bpf_map_delete_elem(devices_fd, &device);
  }
}

/// Guards that are filters: those noted that have no pin.
void KernelPrograms::detach_filters() {
  const UniqueFd devices = open_pin(pin("al_mk_devices"));
  if (!devices.is_open()) return;
  std::set<std::pair<std::uint32_t, std::uint32_t>> filters;
  std::error_code ignored;
  for (const alibi_mark_device& key : noted_devices(devices.get())) {
    if (!fs::exists(guard_pin(key.net_ns, key.index), ignored))
      filters.emplace(key.net_ns, key.index);
  }
  if (filters.empty()) return;
  const auto all = all_namespaces();
  if (!all) return;
  for (const NetworkNamespace& there : *all)
    (void)inside(there, [&]() -> Status {
      for (const auto& [net_ns, index] : filters)
        if (net_ns == there.inode) detach_filter(index);
      return {};
    });
}

Status KernelPrograms::detach() {
  detach_filters();
  std::error_code error;
  std::vector<fs::path> pins{pin("socket"), pin("al_mk_existing"), pin("al_mk_guard"),
                             pin("al_mk_devices")};
  for (const auto& entry : fs::directory_iterator(settings_.pins, error))
    if (guarded_by(entry.path().filename())) pins.push_back(entry.path());
  for (const fs::path& path : pins) {
    fs::remove(path, error);
    if (error) return fail_errno(error.value(), "remove " + path.string());
  }
  return {};
}

}  // namespace alibi::mark
