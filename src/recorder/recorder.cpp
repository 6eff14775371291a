#include "recorder/recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <thread>

#include "base/unique_fd.hpp"
#include "recorder/pipeline.hpp"
#include "recorder/privileges.hpp"
#include "recorder/probes.hpp"
#include "recorder/seal_log.hpp"
#include "recorder/self_check.hpp"
#include "recorder/snapshot_proc.hpp"
#include "recorder/status_file.hpp"
#include "store/directory_lock.hpp"
#include "store/inbox.hpp"

namespace alibi::recorder {
namespace {

using event::Kind;
using event::Record;

constexpr std::uint64_t kOpenAfterNs = 1'000'000'000;
constexpr std::uint64_t kWakeBytes = 256 << 10;
constexpr std::uint32_t kLeastRingBytes = 4096;

constexpr std::chrono::seconds kLetterKept{10};  // by then it is on the disk

std::string read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

alibi_config kernel_settings(const Options& options, std::uint64_t open_after_ns) {
  alibi_config config{};
  config.wake_bytes = kWakeBytes;
  config.open_after_ns = open_after_ns;
  config.update_after_ns = options.flow_update_ms * 1'000'000;
  config.recorder_tgid = static_cast<__u32>(::getpid());
  config.wire_version = ALIBI_WIRE_VERSION;
  config.packet_payload_bytes = options.packets.payload_bytes;
  if (options.packets.is_on) config.packet_ring_bytes = options.packet_ring_bytes;
  return config;
}

/// Pins belong to a directory, not to its name: (device, inode) of it.
std::filesystem::path pin_directory_of(const std::filesystem::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return {};
  return fmt::format("/sys/fs/bpf/alibi/{:x}-{:x}", status.st_dev, status.st_ino);
}

std::vector<SensorState> all_sensors(const Probes& probes, const Pipeline& pipeline) {
  auto sensors = probes.sensors();
  sensors.insert(sensors.end(), pipeline.other_sensors().begin(), pipeline.other_sensors().end());
  return sensors;
}

Record sensor_record(const SensorState& sensor) {
  Record record;
  record.kind = Kind::Sensor;
  record.name = sensor.name;
  record.result = sensor.state;
  record.via = sensor.hook;
  if (!sensor.detail.empty()) record.extra.emplace_back("detail", sensor.detail);
  return record;
}

/// Everything a recording needs, in the order in which it is taken apart.
struct Recording {
  ClockSource clocks;
  std::optional<WallClock> clock;
  std::unique_ptr<seal::Sealer> sealer;  ///< null: the log is not sealed
  std::unique_ptr<Probes> probes;
  std::unique_ptr<Pipeline> pipeline;
  std::string boot_id;
  bool is_same_boot = false;
  event::Extra packet_recovery;
  bool is_of_command = false;  ///< not of the whole machine

  Status open(const Options& options, Pipeline::Scope scope, bool is_pinned,
              const std::string& command);
  Status require_sensor(std::string_view name) const;
  void tell_start(const Options& options);
  Status stop(const std::string& reason);
};

Status open_packet_stores(const Options& options, Pipeline::Stores& stores) {
  auto packets = store::PacketWriter::open(store::Layout::of(options.directory), options.limits,
                                           store::real_disk(), stores.log->sealing());
  if (!packets) return std::unexpected(packets.error());
  stores.packets = std::move(*packets);
  if (options.packets.copy_to.empty()) return {};
  auto capture = store::PacketCapture::create(options.packets.copy_to);
  if (!capture) return std::unexpected(capture.error());
  stores.capture = std::move(*capture);
  return {};
}

Status Recording::open(const Options& options, Pipeline::Scope scope, bool is_pinned,
                       const std::string& command) {
  if (auto ok = check_privileges(); !ok) return ok;
  boot_id = read_boot_id();
  is_of_command = scope == Pipeline::Scope::TrackedOnly;
  Pipeline::Stores stores;
  if (!options.packets.payload_filter.empty()) {
    auto filter = packet::Filter::compile(options.packets.payload_filter);
    if (!filter) return std::unexpected(filter.error());
    stores.payload_filter = std::move(*filter);
  }
  if (auto ok = mount_memory(options); !ok) return ok;
  sealer = make_sealer(options, boot_id, command);
  auto log = store::LogWriter::open(options.directory, boot_id, options.limits, store::real_disk(),
                                    sealer.get());
  if (!log) return std::unexpected(log.error());
  is_same_boot = (*log)->recovered().boot_id == boot_id;
  stores.log = std::move(*log);
  if (options.packets.is_on)
    if (auto ok = open_packet_stores(options, stores); !ok) return ok;
  auto wall_clock = WallClock::open(clocks);
  if (!wall_clock) return std::unexpected(wall_clock.error());
  clock.emplace(std::move(*wall_clock));

  Probes::Settings settings;
  settings.process_ring_bytes = options.process_ring_bytes;
  settings.network_ring_bytes = options.network_ring_bytes;
  settings.packet_ring_bytes = options.packet_ring_bytes;
  settings.disabled_sensors = options.disabled_sensors;
  if (!options.packets.is_on) {
    settings.packet_ring_bytes = kLeastRingBytes;
    settings.disabled_sensors.emplace_back("packet");
  }
  if (is_pinned) settings.pin_directory = pin_directory_of(options.directory);
  auto loaded = Probes::load(settings);
  if (!loaded) return std::unexpected(loaded.error());
  probes = std::move(*loaded);
  if (stores.capture && !probes->works("packet"))
    return fail(
        Errc::Unsupported,
        "this kernel shows no packets (Linux 5.15 does), so there are none to write with -w");
  if (auto ok = probes->configure(kernel_settings(options, kOpenAfterNs)); !ok) return ok;

  if (stores.packets) packet_recovery = stores.packets->recovery_note();
  auto made = Pipeline::make(options, scope, *probes, *clock, std::move(stores));
  if (!made) return std::unexpected(made.error());
  pipeline = std::move(*made);
  return is_of_command && options.tls_requests ? require_sensor("tls_requests") : Status{};
}

// What was asked for in so many words must not be missing in silence.
Status Recording::require_sensor(std::string_view name) const {
  for (const SensorState& sensor : pipeline->other_sensors())
    if (sensor.name == name && sensor.state == "failed")
      return fail(Errc::Unsupported, sensor.detail);
  return {};
}

void Recording::tell_start(const Options& options) {
  Record start;
  start.kind = Kind::RecorderStart;
  start.result = probes->is_resumed() ? "resumed" : probes->predecessor() ? "upgraded" : "fresh";
  start.extra = {
      {"version", ALIBI_VERSION}, {"pid", std::to_string(::getpid())}, {"boot", boot_id}};
  if (is_of_command) start.extra.emplace_back("scope", "command");
  if (!options.config_sha256.empty()) start.extra.emplace_back("config", options.config_sha256);
  pipeline->add_record(std::move(start));
  if (!packet_recovery.empty()) {
    Record torn;
    torn.kind = Kind::Recovery;
    torn.result = "packets";
    torn.extra = packet_recovery;
    pipeline->add_record(std::move(torn));
  }
  Record clock_record;
  clock_record.kind = Kind::Clock;
  clock_record.result = "sample";
  clock_record.extra = {{"offset_ns", std::to_string(clock->latest().offset_ns)},
                        {"before_ns", std::to_string(clock->latest().before_ns)}};
  pipeline->add_record(std::move(clock_record));
  for (const SensorState& sensor : all_sensors(*probes, *pipeline))
    pipeline->add_record(sensor_record(sensor));
}

Record stop_record(std::string reason, const Pipeline::Counts& counts) {
  Record stop;
  stop.kind = Kind::RecorderStop;
  stop.result = std::move(reason);
  stop.extra = {{"records", std::to_string(counts.log.records)},
                {"lost", std::to_string(counts.lost)}};
  return stop;
}

/// Ends the pipeline, then the seal of what it wrote.
Status Recording::stop(const std::string& reason) {
  const Status done = pipeline->stop(stop_record(reason, pipeline->counts()));
  const Status sealed = sealer ? sealer->stop(reason) : Status{};
  return done ? sealed : done;
}

UniqueFd block_signals(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals)
    ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

/// The signal that arrived within `patience_ms`, or 0.
int wait_signal(int fd, int patience_ms) {
  pollfd waiting{fd, POLLIN, 0};
  if (::poll(&waiting, 1, patience_ms) <= 0) return 0;
  signalfd_siginfo info{};
  return ::read(fd, &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace

Status record(const Options& options) {
  // Records go from thread to thread: with an arena for each thread, what one
  // frees the other cannot use, and twice the memory is held.
  ::mallopt(M_ARENA_MAX, 1);
  const UniqueFd signals = block_signals({SIGTERM, SIGINT, SIGHUP});
  Recording recording;
  if (auto ok =
          recording.open(options, Pipeline::Scope::Machine, options.keep_attached, kRecordsAll);
      !ok)
    return ok;
  Pipeline& pipeline = *recording.pipeline;
  recording.tell_start(options);
  // Threads begin after this and have no more than it leaves.
  const auto kept = options.tls_requests
                        ? std::span<const std::string_view>(kCapabilitiesToProbeLibraries)
                        : std::span<const std::string_view>(kCapabilitiesToRecord);
  if (auto ok = keep_only(kept); !ok) return ok;
  if (recording.sealer) recording.sealer->start();
  pipeline.start(!(recording.probes->is_resumed() && recording.is_same_boot));
  pipeline.wait_until_walked();

  StatusFacts facts;
  facts.since = event::to_text(wall_now());
  facts.sensors = all_sensors(*recording.probes, pipeline);
  facts.budget_bytes = options.limits.budget_bytes;
  facts.packet_budget_bytes = options.limits.packet_budget_bytes;
  facts.packets = options.packets;
  facts.tls_requests = options.tls_requests;
  facts.boot_id = recording.boot_id;
  facts.counts = pipeline.counts();
  if (recording.sealer) facts.seal = recording.sealer->state();
  (void)write_status(options.directory, facts);
  ::sd_notify(0, "READY=1\nSTATUS=recording");
  check_sensors(pipeline, facts.sensors);
  (void)write_status(options.directory, facts);
  store::Inbox inbox(options.directory, recording.boot_id);
  int signal = 0;
  while (signal != SIGTERM && signal != SIGINT) {
    signal = wait_signal(signals.get(), 1000);
    const std::uint64_t segments = facts.counts.log.segments;
    facts.counts = pipeline.counts();
    if (recording.sealer) facts.seal = recording.sealer->state();
    // The head of a segment repeats all processes: memory needed once in a while.
    if (facts.counts.log.segments != segments) ::malloc_trim(0);
    (void)write_status(options.directory, facts);
    for (Record& record : inbox.take_new())
      pipeline.add_handed_over(std::move(record));
    inbox.forget_taken(kLetterKept);
    // The drain thread must be alive for the watchdog to be fed.
    if (boot_now().ns - facts.counts.drained.ns < 10'000'000'000) ::sd_notify(0, "WATCHDOG=1");
  }
  ::sd_notify(0, "STOPPING=1");
  // Under systemd a stop is mostly a restart: the programs stay and go on
  // filling the rings for the next recorder. `alibi record --detach` ends that.
  const bool keeps = options.keep_attached && ::getenv("INVOCATION_ID") != nullptr;
  const Status done = recording.stop(signal == SIGTERM ? "SIGTERM" : "SIGINT");
  if (done) inbox.forget_taken({});
  if (options.keep_attached && !keeps) recording.probes->unpin();
  std::error_code ignored;
  std::filesystem::remove(store::Layout::of(options.directory).content / kStatusFile, ignored);
  return done;
}

Result<bool> mount(const Options& options) {
  if (auto done = mount_memory(options); !done) return std::unexpected(done.error());
  return store::Layout::of(options.directory).is_encrypted();
}

Result<bool> detach(const std::filesystem::path& directory) {
  if (auto ok = check_privileges(); !ok) return std::unexpected(ok.error());
  if (pin_directory_of(directory).empty())
    return fail(Errc::NotFound, fmt::format("there is no log directory {}", directory.string()));
  // With the lock no recorder runs.
  const auto lock = store::lock_directory(store::Layout{directory});
  if (!lock) return std::unexpected(lock.error());
  return Probes::unpin_all(pin_directory_of(directory));
}

Result<std::vector<SensorState>> probe_sensors() {
  if (auto ok = check_privileges(); !ok) return std::unexpected(ok.error());
  Probes::Settings settings;
  settings.process_ring_bytes = settings.network_ring_bytes = settings.packet_ring_bytes = 1U << 20;
  auto probes = Probes::load(settings);
  if (!probes) return std::unexpected(probes.error());
  return (*probes)->sensors();
}

namespace {

/// Forks a child that waits for the pipe to close, then executes the command. Its errno
/// comes back through the second pipe when that fails.
struct Child {
  pid_t pid = -1;
  UniqueFd go;
  UniqueFd failure;
};

Result<Child> fork_child(const std::vector<std::string>& command) {
  int go[2];
  int failure[2];
  if (::pipe2(go, O_CLOEXEC) != 0 || ::pipe2(failure, O_CLOEXEC) != 0)
    return fail_errno(errno, "make a pipe");
  std::vector<char*> argv;
  for (const auto& arg : command)
    argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  Child child;
  child.pid = ::fork();
  if (child.pid < 0) return fail_errno(errno, "fork");
  if (child.pid == 0) {
    char byte = 0;
    ::close(go[1]);
    (void)!::read(go[0], &byte, 1);  // until the parent closes its end
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(argv[0], argv.data());
    const int error = errno;
    (void)!::write(failure[1], &error, sizeof(error));
    ::_exit(127);
  }
  ::close(go[0]);
  ::close(failure[1]);
  child.go = UniqueFd(go[1]);
  child.failure = UniqueFd(failure[0]);
  return child;
}

int exit_status_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

namespace {

/// Ourselves and our parents up to init: the ancestors of the command.
std::vector<std::uint32_t> own_line() {
  constexpr std::size_t kDepthMax = 64;
  std::vector<std::uint32_t> pids;
  auto pid = static_cast<std::uint32_t>(::getpid());
  while (pid != 0 && pids.size() < kDepthMax) {
    pids.push_back(pid);
    const auto process = read_process(pid);
    pid = process ? process->parent_pid : 0;
  }
  return pids;
}

/// The command's wait status, once it and all its descendants have ended, or
/// once somebody asked for the end a second time.
int wait_for_all(pid_t child, int signal_fd, Pipeline& pipeline) {
  constexpr int kPatienceMs = 20;
  int status = 0;
  bool has_ended = false;
  bool was_asked = false;
  while (!has_ended || pipeline.living_tracked() > 0) {
    const int signal = wait_signal(signal_fd, kPatienceMs);
    if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT) {
      // A terminal sent SIGINT to the command as well; SIGTERM came to us alone.
      if (was_asked) break;
      was_asked = true;
      if (signal == SIGTERM && !has_ended) ::kill(child, SIGTERM);
    }
    if (!has_ended) has_ended = ::waitpid(child, &status, WNOHANG) == child;
  }
  return status;
}

}  // namespace

Result<RunSummary> run(const Options& options, const std::vector<std::string>& command) {
  if (command.empty()) return fail(Errc::Usage, "no command given");
  // A log of one command may stand anywhere; where this fails, open() says why.
  std::error_code ignored;
  std::filesystem::create_directories(options.directory.parent_path(), ignored);
  if (!has_kernel_pids()) {
    return fail(
        Errc::Unsupported,
        "this container has pids of its own, so the command's processes cannot be told from "
        "others; run it on the host, or share the host's (docker run --pid=host)");
  }
  const UniqueFd signals = block_signals({SIGTERM, SIGINT, SIGQUIT, SIGCHLD});
  Recording recording;
  if (auto ok = recording.open(options, Pipeline::Scope::TrackedOnly, false, command[0]); !ok)
    return std::unexpected(ok.error());
  Pipeline& pipeline = *recording.pipeline;
  recording.tell_start(options);
  const BootNs begin = boot_now();
  pipeline.track_children_of(static_cast<std::uint32_t>(::getpid()));
  pipeline.put_in_scope(own_line());
  if (recording.sealer) recording.sealer->start();
  pipeline.start(true);
  pipeline.wait_until_walked();
  auto child = fork_child(command);
  if (!child) return std::unexpected(child.error());
  child->go.reset();  // end of file, too, lets it go
  int exec_error = 0;
  const bool has_failed =
      ::read(child->failure.get(), &exec_error, sizeof(exec_error)) == sizeof(exec_error);

  // The end of the command is on its way through the rings when waitpid returns.
  std::this_thread::sleep_for(std::chrono::milliseconds(has_failed ? 0 : 100));
  RunSummary summary;
  summary.exit_status = exit_status_of(wait_for_all(child->pid, signals.get(), pipeline));
  const double seconds = static_cast<double>(boot_now().ns - begin.ns) / 1e9;
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // connections that are closing
  // What is open still is told as it stands.
  (void)recording.probes->configure(kernel_settings(options, 0));
  const Status done = recording.stop("command_ended");
  if (!done) return std::unexpected(done.error());
  const Pipeline::Counts counts = pipeline.counts();
  summary.records = counts.log.records;
  summary.lost = counts.lost + counts.log.refused;
  summary.processes = counts.processes;
  summary.flows = counts.flows;
  summary.packets = counts.packets.packets;
  summary.seconds = seconds;
  if (recording.sealer) {
    const seal::SealState state = recording.sealer->state();
    summary.unsealed = state.fault;
    summary.unwitnessed = state.witness;
  }
  recording.pipeline.reset();
  // What is not sealed is in memory alone.
  if (summary.unsealed.empty())
    if (auto freed = unmount_memory(options.directory); !freed)
      return std::unexpected(freed.error());
  if (has_failed) return fail_errno(exec_error, fmt::format("cannot run {}", command[0]));
  return summary;
}

}  // namespace alibi::recorder
