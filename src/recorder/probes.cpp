#include "recorder/probes.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <fstream>
#include <map>

#include "base/unique_fd.hpp"
#include "recorder/cgroup_paths.hpp"
#include "recorder/probe_images.hpp"
#include "recorder/probe_plans.hpp"
#include "recorder/tracepoint_event.hpp"

namespace alibi::recorder {
namespace fs = std::filesystem;
namespace {

const Plan* find_plan(std::string_view program) {
  const auto at = std::ranges::find(
      kPlans, program, [](const Plan& plan) { return std::string_view(plan.program); });
  return at != std::end(kPlans) ? at : nullptr;
}

// What libbpf last complained about. libbpf has one print callback per
// process; loading happens in one thread.
std::string g_failed_program;
std::string g_last_warning;

int note_warning(libbpf_print_level level, const char* format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  std::array<char, 4096> text{};
  std::vsnprintf(text.data(), text.size(), format, args);
  std::string line(text.data());
  if (const auto at = line.find("prog '"); at != std::string::npos) {
    const auto end = line.find('\'', at + 6);
    if (end != std::string::npos) g_failed_program = line.substr(at + 6, end - at - 6);
  }
  if (!line.empty() && line.find("BEGIN PROG LOAD LOG") == std::string::npos)
    g_last_warning = line.substr(0, line.find('\n'));
  return 0;
}

bool is_filesystem(const char* path, long magic) {
  struct statfs info {};
  return ::statfs(path, &info) == 0 && info.f_type == magic;
}

constexpr const char* kComplete = "complete";  // marks a set of pins that is whole

constexpr const char* kOnlyWhileRunning =
    "this kernel keeps it attached only while a recorder runs";

constexpr long kTracefsMagic = 0x74726163;  // include/uapi/linux/magic.h
constexpr long kBpffsMagic = 0xcafe4a11;

// System call tracepoints are attached by the ids tracefs shows; bpffs keeps
// the pins. systemd mounts both; elsewhere we do, as bpftool would.
void mount_if_missing(const char* type, const char* path, long magic) {
  if (!is_filesystem(path, magic)) (void)::mount(type, path, type, 0, nullptr);
}

}  // namespace

// Builds a Probes. Apart from the class so that its steps can share state
// without staying in memory afterwards.
class ProbeLoader {
 public:
  ProbeLoader(const Probes::Settings& settings) : settings_(settings), probes_(new Probes) {}

  Result<std::unique_ptr<Probes>> load();

 private:
  void find_predecessor();
  Status take_over_pins();
  Status load_fresh();
  Status load_object(const void* bytes, std::size_t size, const char* name);
  bpf_object* open_object(const void* bytes, std::size_t size, const char* name);
  void size_maps(bpf_object* object);
  void share_maps(bpf_object* object);
  void choose_programs(bpf_object* object);
  Status attach_all();
  void attach(Probes::Program& program);
  bpf_link* attach_link(const Plan& plan, bpf_program* program);
  Status pin_all();
  void pin_unattached(const Probes::Program& program);
  bool attach_again(const Plan& plan);
  void find_maps();
  [[nodiscard]] bool is_done_elsewhere(const Plan& plan) const;
  void set_failure(const char* program, std::string state, std::string detail);
  void sum_up_sensors();
  fs::path pin(std::string_view name) const { return probes_->pin_directory_ / name; }

  const Probes::Settings& settings_;
  std::unique_ptr<Probes> probes_;
  std::map<std::string, std::pair<std::string, std::string>> failures_;  // program -> state, detail
  btf* kernel_ = nullptr;
  ProbeImages images_{};
  UniqueFd cgroup_root_;
};

Result<std::unique_ptr<Probes>> ProbeLoader::load() {
  ::libbpf_set_print(note_warning);
  mount_if_missing("tracefs", "/sys/kernel/tracing", kTracefsMagic);
  if (!settings_.pin_directory.empty()) mount_if_missing("bpf", "/sys/fs/bpf", kBpffsMagic);
  kernel_ = ::btf__load_vmlinux_btf();
  if (!kernel_)
    return fail(Errc::Unsupported,
                "this kernel has no BTF (/sys/kernel/btf/vmlinux); Alibi needs a kernel built with "
                "CONFIG_DEBUG_INFO_BTF=y, as Debian's are");
  images_ = choose_images(kernel_);
  if (const auto cgroups = CgroupPaths::open())
    cgroup_root_ =
        UniqueFd(::open(cgroups->mount().directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!settings_.pin_directory.empty())
    probes_->pin_directory_ = settings_.pin_directory / build_mark(images_);

  Status done;
  find_predecessor();
  if (!settings_.pin_directory.empty() && fs::exists(pin(kComplete))) {
    done = take_over_pins();
  } else {
    if (!settings_.pin_directory.empty()) probes_->unpin();  // a set that was never finished
    done = load_fresh();
  }
  ::btf__free(kernel_);
  if (!done) return std::unexpected(done.error());
  return std::move(probes_);
}

// Pins of another build, found in a directory beside ours.
void ProbeLoader::find_predecessor() {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(settings_.pin_directory, ignored)) {
    if (entry.path() == probes_->pin_directory_ || !fs::exists(entry.path() / kComplete)) continue;
    Probes::Predecessor found;
    const UniqueFd config_fd(::bpf_obj_get((entry.path() / "al_config").c_str()));
    alibi_config config{};
    const std::uint32_t zero = 0;
    if (config_fd.is_open() && ::bpf_map_lookup_elem(config_fd.get(), &zero, &config) == 0)
      found.wire_version = config.wire_version;
    found.process_ring_fd = ::bpf_obj_get((entry.path() / "al_ring_process").c_str());
    found.network_ring_fd = ::bpf_obj_get((entry.path() / "al_ring_network").c_str());
    found.packet_ring_fd = ::bpf_obj_get((entry.path() / "al_ring_packet").c_str());
    found.counters_fd = ::bpf_obj_get((entry.path() / "al_counters").c_str());
    probes_->predecessor_ = found;
    return;
  }
}

Status ProbeLoader::load_fresh() {
  for (const ProbeImage& image : images_)
    if (auto ok = load_object(image.bytes, image.size, image.name); !ok) return ok;
  find_maps();
  if (auto ok = attach_all(); !ok) return ok;
  if (probes_->predecessor_) probes_->valid_from_ = boot_now();
  if (!settings_.pin_directory.empty())
    if (auto ok = pin_all(); !ok) return ok;
  sum_up_sensors();
  return {};
}

bpf_object* ProbeLoader::open_object(const void* bytes, std::size_t size, const char* name) {
  bpf_object_open_opts opts{};
  opts.sz = sizeof(opts);
  opts.object_name = name;
  return ::bpf_object__open_mem(bytes, size, &opts);
}

void ProbeLoader::size_maps(bpf_object* object) {
  const auto cpus = static_cast<std::uint32_t>(::libbpf_num_possible_cpus());
  for (const auto& [name, entries] :
       {std::pair{"al_ring_process", settings_.process_ring_bytes},
        std::pair{"al_ring_network", settings_.network_ring_bytes},
        std::pair{"al_ring_packet", settings_.packet_ring_bytes}, std::pair{"al_scratch", cpus}})
    if (bpf_map* map = ::bpf_object__find_map_by_name(object, name))
      ::bpf_map__set_max_entries(map, entries);
}

// The first object creates the maps, the later ones use the same.
void ProbeLoader::share_maps(bpf_object* object) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    for (bpf_object* earlier : probes_->objects_) {
      const bpf_map* same = ::bpf_object__find_map_by_name(earlier, ::bpf_map__name(map));
      if (same && std::string_view(::bpf_map__name(map)).starts_with("al_")) {
        (void)::bpf_map__reuse_fd(map, ::bpf_map__fd(same));
        break;
      }
    }
  }
}

void ProbeLoader::choose_programs(bpf_object* object) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const Plan* plan = find_plan(::bpf_program__name(program));
    if (!plan) continue;
    const std::string_view hook = plan->hook;
    auto has_tracepoint = [&](std::string_view name) {
      return ::btf__find_by_name_kind(kernel_, fmt::format("btf_trace_{}", name).c_str(),
                                      BTF_KIND_TYPEDEF) > 0;
    };
    std::string why;
    if (failures_.contains(plan->program))
      why = "failed before";
    else if (std::ranges::find(settings_.disabled_sensors, plan->sensor) !=
             settings_.disabled_sensors.end()) {
      set_failure(plan->program, "disabled", "switched off by the configuration");
      why = "disabled";
    } else if (hook.starts_with("tp_btf/") && !has_tracepoint(hook.substr(7))) {
      set_failure(plan->program, "unsupported",
                  fmt::format("this kernel has no tracepoint {}", hook.substr(7)));
      why = "missing";
    } else if (plan->instead_of && has_tracepoint(plan->instead_of)) {
      set_failure(plan->program, "", "");
      why = "not needed";
    } else if (hook.starts_with("cgroup") && !cgroup_root_.is_open()) {
      set_failure(plan->program, "unsupported", "no cgroup2 file system is mounted");
      why = "no cgroup";
    }
    ::bpf_program__set_autoload(program, why.empty());
  }
}

Status ProbeLoader::load_object(const void* bytes, std::size_t size, const char* name) {
  // Each turn either loads, or switches off the one program that did not.
  for (std::size_t turn = 0; turn <= std::size(kPlans); ++turn) {
    bpf_object* object = open_object(bytes, size, name);
    if (!object) return fail_errno(errno, fmt::format("open BPF object {}", name));
    size_maps(object);
    share_maps(object);
    choose_programs(object);
    g_failed_program.clear();
    const int error = -::bpf_object__load(object);
    if (error == 0) {
      probes_->objects_.push_back(object);
      return {};
    }
    ::bpf_object__close(object);
    if (error == EPERM && g_failed_program.empty())
      return fail(Errc::Denied,
                  "the kernel refuses BPF (needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)");
    if (g_failed_program.empty() || failures_.contains(g_failed_program))
      return fail_errno(error, fmt::format("load BPF object {}: {}", name, g_last_warning));
    set_failure(g_failed_program.c_str(), "failed",
                fmt::format("not loaded: {}", ::strerrordesc_np(error)));
  }
  return fail(Errc::Unsupported, fmt::format("no program of {} loads on this kernel", name));
}

void ProbeLoader::set_failure(const char* program, std::string state, std::string detail) {
  failures_[program] = {std::move(state), std::move(detail)};
}

bpf_link* ProbeLoader::attach_link(const Plan& plan, bpf_program* program) {
  const std::string_view hook = plan.hook;
  if (hook.starts_with("cgroup")) return ::bpf_program__attach_cgroup(program, cgroup_root_.get());
  if (plan.program == std::string_view("al_it_sockets")) {
    bpf_iter_link_info info{};
    info.map.map_fd = static_cast<std::uint32_t>(probes_->sock_fd_);
    bpf_iter_attach_opts opts{};
    opts.sz = sizeof(opts);
    opts.link_info = &info;
    opts.link_info_len = sizeof(info);
    return ::bpf_program__attach_iter(program, &opts);
  }
  return ::bpf_program__attach(program);
}

bool ProbeLoader::is_done_elsewhere(const Plan& plan) const {
  return plan.part_of && std::ranges::any_of(probes_->programs_, [&](const auto& program) {
           return program.link && program.name == std::string_view(plan.part_of);
         });
}

void ProbeLoader::attach(Probes::Program& program) {
  program.link = attach_link(*find_plan(program.name), program.program);
  if (!program.link)
    set_failure(program.name, "failed", fmt::format("not attached: {}", ::strerrordesc_np(errno)));
}

Status ProbeLoader::attach_all() {
  for (const Plan& plan : kPlans) {
    if (failures_.contains(plan.program)) continue;
    if (is_done_elsewhere(plan)) {
      set_failure(plan.program, "", "");
      continue;
    }
    bpf_program* program = nullptr;
    for (bpf_object* object : probes_->objects_)
      if (!program) program = ::bpf_object__find_program_by_name(object, plan.program);
    if (!program) {
      set_failure(plan.program, "unsupported", "needs Linux 5.15");
      continue;
    }
    probes_->programs_.push_back(
        {plan.program, plan.sensor, program, nullptr, ::bpf_program__fd(program)});
    attach(probes_->programs_.back());
  }
  const bool any =
      std::ranges::any_of(probes_->programs_, [](const auto& p) { return p.link != nullptr; });
  if (!any) return fail(Errc::Unsupported, "not one sensor could be attached: " + g_last_warning);
  return {};
}

void ProbeLoader::find_maps() {
  auto fd_of = [&](const char* name) {
    for (bpf_object* object : probes_->objects_)
      if (const int fd = ::bpf_object__find_map_fd_by_name(object, name); fd >= 0) return fd;
    return -1;
  };
  probes_->process_ring_fd_ = fd_of("al_ring_process");
  probes_->network_ring_fd_ = fd_of("al_ring_network");
  probes_->packet_ring_fd_ = fd_of("al_ring_packet");
  probes_->counters_fd_ = fd_of("al_counters");
  probes_->config_fd_ = fd_of("al_config");
  probes_->conversations_fd_ = fd_of("al_convs");
  probes_->sock_fd_ = fd_of("al_sock");
}

// Several programs, one state: all fine = ok, some = degraded, none = the
// first failure.
void ProbeLoader::sum_up_sensors() {
  for (const Plan& plan : kPlans) {
    const auto failure = failures_.find(plan.program);
    const bool failed = failure != failures_.end();
    if (failed && failure->second.first.empty()) continue;  // replaced by a better one
    auto at = std::ranges::find(probes_->sensors_, plan.sensor, &SensorState::name);
    if (at == probes_->sensors_.end()) {
      probes_->sensors_.push_back({plan.sensor, failed ? failure->second.first : "ok", plan.hook,
                                   failed ? failure->second.second : ""});
      continue;
    }
    at->hook += fmt::format(", {}", plan.hook);
    if (failed == (at->state != "ok")) continue;
    at->state = "degraded";
    if (failed) at->detail = fmt::format("{}: {}", plan.hook, failure->second.second);
  }
}

Status ProbeLoader::pin_all() {
  std::error_code ignored;
  fs::create_directories(probes_->pin_directory_, ignored);
  fs::permissions(settings_.pin_directory, fs::perms::owner_all, ignored);
  for (bpf_object* object : probes_->objects_) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
      const std::string name = ::bpf_map__name(map);
      if (!name.starts_with("al_") || fs::exists(pin(name))) continue;
      const std::string path = pin(name);
      if (const int error = ::bpf_map__pin(map, path.c_str()); error != 0)
        return fail_errno(-error, fmt::format("pin {}", path));
    }
  }
  for (auto& program : probes_->programs_) {
    if (!program.link) continue;
    const std::string path = pin(fmt::format("link_{}", program.name));
    if (::bpf_link__pin(program.link, path.c_str()) != 0) pin_unattached(program);
  }
  // Last, as the mark of a complete set: a directory in bpffs holds no data.
  if (::mkdir(pin(kComplete).c_str(), 0700) != 0) return fail_errno(errno, "mark pinned programs");
  return {};
}

// Before 5.15 a tracepoint's link has no pin. The program has, and the next
// recorder attaches it again.
void ProbeLoader::pin_unattached(const Probes::Program& program) {
  const std::string path = pin(fmt::format("program_{}", program.name));
  if (const int error = ::bpf_program__pin(program.program, path.c_str()); error != 0)
    set_failure(program.name, "degraded",
                fmt::format("does not outlive a restart: {}", ::strerrordesc_np(-error)));
  else
    set_failure(program.name, "degraded", kOnlyWhileRunning);
}

bool ProbeLoader::attach_again(const Plan& plan) {
  const UniqueFd program(::bpf_obj_get(pin(fmt::format("program_{}", plan.program)).c_str()));
  if (!program.is_open()) return false;
  const std::string_view hook = plan.hook;
  auto event = attach_tracepoint(program.get(), hook.substr(hook.find('/') + 1));
  if (!event) return false;
  probes_->events_.push_back(std::move(*event));
  set_failure(plan.program, "degraded", kOnlyWhileRunning);
  return true;
}

namespace {

int program_of(const bpf_link* link) {
  bpf_link_info info{};
  std::uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(::bpf_link__fd(link), &info, &size) != 0) return -1;
  return ::bpf_prog_get_fd_by_id(info.prog_id);
}

}  // namespace

Status ProbeLoader::take_over_pins() {
  struct Wanted {
    const char* name;
    int* fd;
  };
  const Wanted wanted[] = {{"al_ring_process", &probes_->process_ring_fd_},
                           {"al_ring_network", &probes_->network_ring_fd_},
                           {"al_ring_packet", &probes_->packet_ring_fd_},
                           {"al_counters", &probes_->counters_fd_},
                           {"al_config", &probes_->config_fd_},
                           {"al_convs", &probes_->conversations_fd_},
                           {"al_sock", &probes_->sock_fd_}};
  for (const Wanted& map : wanted) {
    *map.fd = ::bpf_obj_get(pin(map.name).c_str());
    if (*map.fd < 0) return fail_errno(errno, fmt::format("open pinned map {}", map.name));
  }
  for (const Plan& plan : kPlans) {
    const std::string path = pin(fmt::format("link_{}", plan.program));
    bpf_link* link = fs::exists(path) ? ::bpf_link__open(path.c_str()) : nullptr;
    if (link)
      probes_->programs_.push_back({plan.program, plan.sensor, nullptr, link, program_of(link)});
    else if (attach_again(plan))
      continue;
    else if (plan.instead_of || is_done_elsewhere(plan))
      set_failure(plan.program, "", "");
    else
      set_failure(plan.program, "unsupported", "was not attached when recording began");
  }
  probes_->is_resumed_ = true;
  alibi_config config{};
  const std::uint32_t zero = 0;
  if (::bpf_map_lookup_elem(probes_->config_fd_, &zero, &config) == 0)
    probes_->valid_from_ = BootNs{config.valid_from_ns};
  sum_up_sensors();
  return {};
}

Result<std::unique_ptr<Probes>> Probes::load(const Settings& settings) {
  return ProbeLoader(settings).load();
}

Probes::~Probes() {
  for (Program& program : programs_)
    if (program.link) {
      if (!pin_directory_.empty()) ::bpf_link__disconnect(program.link);
      ::bpf_link__destroy(program.link);
    }
  for (bpf_object* object : objects_)
    ::bpf_object__close(object);
  if (is_resumed_)
    for (const Program& program : programs_)
      UniqueFd(program.fd).reset();
  if (is_resumed_)
    for (int fd : {process_ring_fd_, network_ring_fd_, packet_ring_fd_, counters_fd_, config_fd_,
                   conversations_fd_, sock_fd_})
      UniqueFd(fd).reset();
}

namespace {

// Pins are files in bpffs, which removes nothing recursively by itself.
bool remove_pins(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory, ignored)) return false;
  for (const auto& entry : fs::directory_iterator(directory, ignored))
    fs::remove(entry, ignored);
  return fs::remove(directory, ignored);
}

}  // namespace

void Probes::unpin() {
  if (pin_directory_.empty()) return;
  remove_pins(pin_directory_);
  std::error_code ignored;
  fs::remove(pin_directory_.parent_path(), ignored);  // unless a predecessor is there still
}

bool Probes::unpin_all(const fs::path& pin_directory) {
  std::error_code ignored;
  bool any = false;
  for (const auto& entry : fs::directory_iterator(pin_directory, ignored))
    any |= remove_pins(entry.path());
  fs::remove(pin_directory, ignored);
  return any;
}

void Probes::end_predecessor() {
  if (!predecessor_) return;
  for (const int fd : {predecessor_->process_ring_fd, predecessor_->network_ring_fd,
                       predecessor_->packet_ring_fd, predecessor_->counters_fd})
    UniqueFd(fd).reset();
  predecessor_.reset();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(pin_directory_.parent_path(), ignored))
    if (entry.path() != pin_directory_) remove_pins(entry.path());
}

int Probes::ring_fd(alibi_ring ring) const {
  switch (ring) {
    case ALIBI_RING_PROCESS: return process_ring_fd_;
    case ALIBI_RING_NETWORK: return network_ring_fd_;
    default: return packet_ring_fd_;
  }
}

bool Probes::is_whole(std::string_view sensor) const {
  const auto at = std::ranges::find(sensors_, sensor, &SensorState::name);
  return at != sensors_.end() && at->state == "ok";
}

bool Probes::works(std::string_view sensor) const {
  const auto at = std::ranges::find(sensors_, sensor, &SensorState::name);
  return at != sensors_.end() && (at->state == "ok" || at->state == "degraded");
}

Status Probes::configure(alibi_config config) {
  config.valid_from_ns = valid_from_.ns;
  const std::uint32_t zero = 0;
  if (::bpf_map_update_elem(config_fd_, &zero, &config, BPF_ANY) != 0)
    return fail_errno(errno, "write settings of the kernel programs");
  return {};
}

Result<std::vector<alibi_counters>> Probes::read_counters(int map_fd) {
  std::vector<alibi_counters> counters(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
  const std::uint32_t zero = 0;
  if (::bpf_map_lookup_elem(map_fd, &zero, counters.data()) != 0)
    return fail_errno(errno, "read counters of the kernel programs");
  return counters;
}

std::uint64_t Probes::recursion_misses() const {
  std::uint64_t sum = 0;
  for (const Program& program : programs_) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (program.link && program.fd >= 0 && ::bpf_obj_get_info_by_fd(program.fd, &info, &size) == 0)
      sum += info.recursion_misses;
  }
  return sum;
}

Status Probes::read_iterator(const char* name) {
  const auto at = std::ranges::find(programs_, std::string_view(name),
                                    [](const auto& p) { return std::string_view(p.name); });
  if (at == programs_.end() || !at->link)
    return fail(Errc::Unsupported, fmt::format("{} is not attached", name));
  const UniqueFd fd(::bpf_iter_create(::bpf_link__fd(at->link)));
  if (!fd.is_open()) return fail_errno(errno, fmt::format("start {}", name));
  std::array<char, 4096> ignored{};
  for (;;) {
    const ssize_t n = ::read(fd.get(), ignored.data(), ignored.size());
    if (n == 0) return {};
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      return fail_errno(errno, fmt::format("read {}", name));
  }
}

}  // namespace alibi::recorder
