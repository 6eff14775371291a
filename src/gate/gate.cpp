#include "gate/gate.hpp"

#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "gate/kernel_gate.hpp"
#include "gate/seen_flows.hpp"
#include "gate/status_file.hpp"
#include "notify/notifier.hpp"
#include "store/log_writer.hpp"

namespace alibi::gate {
namespace {

namespace fs = std::filesystem;
using event::Kind;
using event::Record;

constexpr int kTickMs = 100;
constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kIdleNs = 60 * kSecondNs;  // after this a flow has ended
constexpr std::int64_t kClockStepNs = 50'000'000;
constexpr std::uint64_t kClockSampleNs = 60 * kSecondNs;

std::string read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

UniqueFd block_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::uint32_t index_of(const std::string& device) { return ::if_nametoindex(device.c_str()); }

/// Where a gate of this log directory keeps its pins; empty: no such directory.
fs::path pin_directory_of(const fs::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return {};
  return fmt::format("/sys/fs/bpf/alibi-gate/{:x}-{:x}", status.st_dev, status.st_ino);
}

std::int64_t wall_offset_ns() { return wall_now().ns - static_cast<std::int64_t>(boot_now().ns); }

class Daemon {
 public:
  explicit Daemon(const Options& options)
      : options_(options), seen_(policy_, records_, findings_) {}

  Status open();
  Status run(int signals);
  Status close(const char* reason);

 private:
  void add_own(Kind kind, std::string result, event::Extra extra);
  void look_at_clock(bool is_first);
  Status install(const Policy& policy);
  void reload();
  void follow_devices();
  void read_ring();
  void sweep();
  void tell_losses();
  void each_second();
  void append();
  void write_state();

  const Options& options_;
  Policy policy_;
  std::unique_ptr<store::LogWriter> log_;
  std::unique_ptr<KernelGate> kernel_;
  std::vector<Record> records_;
  std::vector<notify::Finding> findings_;
  std::unique_ptr<notify::Notifier> notifier_;
  SeenFlows seen_;
  Tables tables_;
  std::string boot_id_;
  StatusFacts facts_;
  alibi_gate_counters told_losses_{};
  std::int64_t offset_ns_ = 0;
  std::uint64_t sampled_boot_ns_ = 0;
};

void Daemon::add_own(Kind kind, std::string result, event::Extra extra) {
  Record record;
  record.kind = kind;
  record.boot = boot_now();
  record.time = {static_cast<std::int64_t>(record.boot.ns) + offset_ns_};
  record.result = std::move(result);
  record.extra = std::move(extra);
  records_.push_back(std::move(record));
}

void Daemon::look_at_clock(bool is_first) {
  const std::int64_t now = wall_offset_ns();
  const bool is_step = std::abs(now - offset_ns_) > kClockStepNs;
  if (!is_first && !is_step && boot_now().ns - sampled_boot_ns_ < kClockSampleNs) return;
  const std::int64_t before = is_first ? now : offset_ns_;
  offset_ns_ = now;
  sampled_boot_ns_ = boot_now().ns;
  seen_.set_wall_offset(now);
  (void)kernel_->set_wall_offset(now);
  add_own(Kind::Clock, is_first || !is_step ? "sample" : "step",
          {{"offset_ns", std::to_string(now)}, {"before_ns", std::to_string(before)}});
}

Status Daemon::install(const Policy& policy) {
  tables_ = make_tables(policy, index_of);
  return kernel_->install(tables_, policy.keys);
}

Status Daemon::open() {
  auto policy = options_.read_policy();
  if (!policy) return std::unexpected(policy.error());
  policy_ = std::move(*policy);
  boot_id_ = read_boot_id();
  auto kernel = KernelGate::load();
  if (!kernel) return std::unexpected(kernel.error());
  kernel_ = std::move(*kernel);
  auto log = store::LogWriter::open(options_.directory, boot_id_, {});
  if (!log) return std::unexpected(log.error());
  log_ = std::move(*log);
  log_->on_new_segment([] { return store::LogWriter::SegmentHead{}; });
  offset_ns_ = wall_offset_ns();
  add_own(Kind::RecorderStart, "fresh",
          {{"version", ALIBI_VERSION},
           {"pid", std::to_string(::getpid())},
           {"boot", boot_id_},
           {"scope", "gate"}});
  look_at_clock(true);
  if (auto done = install(policy_); !done) return done;
  for (const std::string& device : options_.devices)
    if (auto done = kernel_->attach(device); !done) return done;
  const fs::path pins = pin_directory_of(options_.directory);
  // The new program is attached before the old one goes: no moment without.
  KernelGate::take_out(pins, [this](const auto& key, const auto& flow) { seen_.see(key, flow); });
  if (options_.keeps_attached)
    if (auto done = kernel_->keep_in(pins); !done) return done;
  auto notifier = notify::Notifier::start(policy_.tell, options_.directory / "outbox");
  if (!notifier) return std::unexpected(notifier.error());
  notifier_ = std::move(*notifier);
  facts_.since = event::to_text(wall_now());
  facts_.policy_since = facts_.since;
  append();
  return {};
}

void Daemon::append() {
  for (const notify::Finding& finding : findings_)
    notifier_->add(finding);
  findings_.clear();
  if (records_.empty()) return;
  // What the disk refuses is counted by the writer and told when it accepts again.
  (void)log_->append(records_);
  records_.clear();
}

void Daemon::read_ring() {
  kernel_->read_events([this](const auto& key, const auto& flow) { seen_.see(key, flow); });
  append();
  notifier_->tick();
}

void Daemon::sweep() {
  const std::uint64_t now = boot_now().ns;
  std::vector<alibi_gate_flow_key> ended;
  facts_.flows = 0;
  (void)kernel_->visit_flows([&](const auto& key, const auto& flow) {
    ++facts_.flows;
    seen_.see(key, flow);
    if (flow.last_boot_ns + kIdleNs < now) ended.push_back(key);
  });
  for (const auto& key : ended) {
    alibi_gate_flow last{};
    if (kernel_->remove_flow(key, last)) seen_.see(key, last);
    seen_.forget(key);
  }
}

/// Packets that no record tells, as soon as they are noticed.
void Daemon::tell_losses() {
  const alibi_gate_counters now = kernel_->counters();
  if (now.flows_full > told_losses_.flows_full)
    add_own(Kind::Loss, "gate_flows_full",
            {{"count", std::to_string(now.flows_full - told_losses_.flows_full)}});
  if (now.ring_full > told_losses_.ring_full)
    add_own(Kind::Loss, "gate_ring_full",
            {{"count", std::to_string(now.ring_full - told_losses_.ring_full)}, {"told", "later"}});
  told_losses_ = now;
}

void Daemon::follow_devices() {
  kernel_->follow_devices();
  const Tables now = make_tables(policy_, index_of);
  const auto mirrors = [](const Tables& tables) {
    std::vector<std::uint32_t> indexes;
    for (const auto& rule : tables.rules)
      indexes.push_back(rule.mirror);
    return indexes;
  };
  if (now.devices == tables_.devices && mirrors(now) == mirrors(tables_)) return;
  if (kernel_->install(now, policy_.keys)) tables_ = now;
}

void Daemon::reload() {
  ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
               static_cast<long long>(read_clock_ns(CLOCK_MONOTONIC) / 1000));
  auto policy = options_.read_policy();
  Status done = policy ? install(*policy) : Status(std::unexpected(policy.error()));
  if (done) {
    kernel_->renumber_hosts(policy_, *policy);
    policy_ = std::move(*policy);
    notifier_->use(policy_.tell);
    facts_.policy_since = event::to_text(wall_now());
    facts_.policy_error.clear();
    fmt::print(stderr, "alibi gate: the policy was read anew\n");
  } else {
    facts_.policy_error = done.error().message;
    fmt::print(stderr, "alibi gate: {}; the policy before stays in force\n", done.error().message);
  }
  add_own(Kind::Sensor, done ? "ok" : "degraded",
          {{"detail", done ? "policy read anew" : done.error().message}});
  records_.back().name = "gate";
  ::sd_notify(0, "READY=1");
}

void Daemon::write_state() {
  facts_.attachments = kernel_->attachments();
  facts_.counters = kernel_->counters();
  facts_.hits = kernel_->hits(policy_.rules.size() + 1);
  facts_.hosts = kernel_->hosts(boot_now().ns);
  facts_.missing = tables_.missing;
  facts_.told = notifier_->counts();
  facts_.log = log_->totals();
  facts_.wall_offset_ns = offset_ns_;
  (void)write_status(options_.directory, facts_, policy_);
}

void Daemon::each_second() {
  facts_.as_of = boot_now();
  look_at_clock(false);
  follow_devices();
  sweep();
  tell_losses();
  append();
  notifier_->tick();
  write_state();
  ::sd_notify(0, "WATCHDOG=1");
}

Status Daemon::run(int signals) {
  facts_.as_of = boot_now();
  write_state();
  ::sd_notify(0, "READY=1\nSTATUS=at work");
  std::uint64_t due_ns = boot_now().ns + kSecondNs;
  for (;;) {
    pollfd waiting[] = {{signals, POLLIN, 0}, {kernel_->poll_fd(), POLLIN, 0}};
    (void)::poll(waiting, std::size(waiting), kTickMs);
    signalfd_siginfo info{};
    while (::read(signals, &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo != SIGHUP) return close(info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
      reload();
    }
    read_ring();
    const BootNs now = boot_now();
    if (now.ns >= due_ns) {
      due_ns = now.ns + kSecondNs;
      each_second();
    }
    (void)log_->tick(now);
  }
}

Status Daemon::close(const char* reason) {
  ::sd_notify(0, "STOPPING=1");
  read_ring();
  sweep();
  tell_losses();
  append();
  notifier_.reset();  // what waits for its interval goes to the disk
  const auto counters = kernel_->counters();
  add_own(Kind::RecorderStop, reason,
          {{"packets", std::to_string(counters.packets)},
           {"dropped", std::to_string(counters.actions[ALIBI_GATE_DROP])}});
  (void)log_->append(records_);
  std::error_code ignored;
  fs::remove(options_.directory / kStatusFile, ignored);
  return log_->close();
}

}  // namespace

Status run(const Options& options) {
  const UniqueFd signals = block_signals();
  Daemon daemon(options);
  if (auto done = daemon.open(); !done) return done;
  return daemon.run(signals.get());
}

Result<bool> detach(const fs::path& directory) {
  const fs::path pins = pin_directory_of(directory);
  if (pins.empty())
    return fail(Errc::NotFound, fmt::format("there is no log directory {}", directory.string()));
  return KernelGate::take_out(pins, nullptr);
}

}  // namespace alibi::gate
