#include "recorder/pipeline.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>

#include "base/unique_fd.hpp"
#include "recorder/privileges.hpp"

namespace alibi::recorder {
namespace {

using event::Kind;
using event::Record;

constexpr std::size_t kQueueRecords = 16384;
constexpr std::uint64_t kChunkBytes = 1U << 20;
constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kWrittenKeptNs = kSecondNs;  // packets wait in their ring for a while
constexpr std::uint64_t kWalkEveryNs = 10 * kSecondNs;
constexpr std::uint64_t kSweepEveryNs = kSecondNs / 4;  // a flow of a second is told within 1.3 s
constexpr int kDrainEveryMs = 50;

}  // namespace

Pipeline::Pipeline(const Options& options, Scope scope, Probes& probes, WallClock& clock,
                   Stores stores)
    : options_(options),
      scope_(scope),
      probes_(probes),
      clock_(clock),
      log_(std::move(stores.log)),
      packet_log_(std::move(stores.packets)),
      capture_(std::move(stores.capture)),
      shared_(options_, clock),
      inspector_([&]() -> std::optional<ImageInspector> {
        if (!options.hash_images) return std::nullopt;
        auto inspector = ImageInspector::open({});
        return inspector ? std::optional(std::move(*inspector)) : std::nullopt;
      }()),
      process_translator_(shared_, inspector_ ? &*inspector_ : nullptr),
      owners_(shared_),
      network_translator_(shared_, &owners_),
      packet_translator_(shared_, owners_, std::move(stores.payload_filter)),
      conversations_(probes.conversations_fd(),
                     {.update_after_ns = options.flow_update_ms * 1'000'000}),
      queue_(kQueueRecords) {
  shared_.tracked_only = scope == Scope::TrackedOnly;
  shared_.can_see_users = probes.is_whole("socket_use");
  shared_.reads_streams = probes.works("packet");
}

Result<std::unique_ptr<Pipeline>> Pipeline::make(const Options& options, Scope scope,
                                                 Probes& probes, WallClock& clock, Stores stores) {
  auto process_ring = RingReader::open(probes.ring_fd(ALIBI_RING_PROCESS));
  if (!process_ring) return std::unexpected(process_ring.error());
  auto network_ring = RingReader::open(probes.ring_fd(ALIBI_RING_NETWORK));
  if (!network_ring) return std::unexpected(network_ring.error());
  auto pipeline =
      std::unique_ptr<Pipeline>(new Pipeline(options, scope, probes, clock, std::move(stores)));
  if (pipeline->shared_.reads_streams) {
    auto packets = PacketFeed::open(probes.ring_fd(ALIBI_RING_PACKET), options.packet_ring_bytes);
    if (!packets) return std::unexpected(packets.error());
    pipeline->packet_feed_ = std::move(*packets);
  }
  pipeline->process_ring_ = std::move(*process_ring);
  pipeline->network_ring_ = std::move(*network_ring);
  pipeline->open_side_sensors();
  if (auto ok = pipeline->restore(); !ok) return std::unexpected(ok.error());
  pipeline->log_->on_new_segment([p = pipeline.get()] { return p->segment_head(); });
  return pipeline;
}

Pipeline::~Pipeline() {
  is_stopping_ = true;
  if (drain_thread_.joinable()) drain_thread_.join();
  queue_.close();
  if (store_thread_.joinable()) store_thread_.join();
}

void Pipeline::open_side_sensors() {
  const auto is_disabled = [this](const char* name) {
    return std::ranges::find(options_.disabled_sensors, name) != options_.disabled_sensors.end();
  };
  const auto note = [this](const char* name, const char* hook, const char* state,
                           std::string detail) {
    other_sensors_.push_back({name, state, hook, std::move(detail)});
  };
  if (is_disabled("module")) {
    note("module", "perf PERF_RECORD_MMAP2", "disabled", "switched off by the configuration");
  } else if (!has_kernel_pids()) {
    // perf tells pids of this namespace, the programs tell the kernel's.
    note("module", "perf PERF_RECORD_MMAP2", "unsupported", "this container has pids of its own");
  } else if (auto perf = perf::PerfSideBand::open(options_.perf_pages); perf) {
    perf_.emplace(std::move(*perf));
    note("module", "perf PERF_RECORD_MMAP2", perf_->features().has_build_id ? "ok" : "degraded",
         perf_->features().has_build_id ? "" : "no build ids before Linux 5.12");
  } else {
    note("module", "perf PERF_RECORD_MMAP2",
         perf.error().code == Errc::Unsupported ? "unsupported" : "failed", perf.error().message);
  }
  if (options_.packets.has_unowned && packet_feed_ && scope_ == Scope::Machine) {
    auto unowned = UnownedPackets::open();
    note("unowned_packet", "AF_PACKET", unowned ? "ok" : "failed",
         unowned ? "" : unowned.error().message);
    if (unowned) packet_translator_.add_unowned(std::move(*unowned));
  }
  if (options_.tls_requests) {
    auto tls = TlsFeed::start(shared_);
    const std::string fault = tls ? (*tls)->flow_fault() : tls.error().message;
    note("tls_requests", "uprobe", !tls ? "failed" : fault.empty() ? "ok" : "degraded", fault);
    if (tls) tls_ = std::move(*tls);
  }
  if (is_disabled("ptrace")) {
    note("ptrace", "netlink cn_proc", "disabled", "switched off by the configuration");
  } else if (auto connector = proc::ProcConnector::open(); connector) {
    connector_.emplace(std::move(*connector));
    note("ptrace", "netlink cn_proc", "ok", "");
  } else {
    note("ptrace", "netlink cn_proc",
         connector.error().code == Errc::Unsupported ? "unsupported" : "failed",
         connector.error().message);
  }
}

void Pipeline::add_record(Record record) {
  const std::lock_guard lock(state_mutex_);
  if (record.boot.ns == 0) record.boot = boot_now();
  record.time = clock_.at(record.boot);
  shared_.out.push_back(std::move(record));
}

void Pipeline::track_children_of(std::uint32_t pid) {
  const std::lock_guard lock(state_mutex_);
  shared_.track_children_of = pid;
}

void Pipeline::put_in_scope(std::vector<std::uint32_t> pids) {
  const std::lock_guard lock(state_mutex_);
  shared_.pids_in_scope = std::move(pids);
}

void Pipeline::watch(bool is_watched) {
  const std::lock_guard lock(state_mutex_);
  is_watched_ = is_watched;
  watched_.clear();
}

std::vector<Record> Pipeline::watched() {
  const std::lock_guard lock(state_mutex_);
  return watched_;
}

std::size_t Pipeline::living_tracked() {
  const std::lock_guard lock(state_mutex_);
  return shared_.processes.living_tracked();
}

void Pipeline::start(bool begin_snapshot) {
  totals_ = log_->totals();
  // Written here, so that the first segment begins before there is a process
  // to carry into it.
  store(make_batch());
  if (inspector_) inspector_->start();
  store_thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "alibi-store");
    store_loop();
  });
  drain_thread_ = std::thread([this, begin_snapshot] {
    ::pthread_setname_np(::pthread_self(), "alibi-drain");
    drain_loop(begin_snapshot);
  });
}

Status Pipeline::stop(std::optional<Record> last) {
  is_stopping_ = true;
  drain_thread_.join();
  if (last) {
    add_record(std::move(*last));
    queue_.push(make_batch());
  }
  queue_.close();
  store_thread_.join();
  if (packet_log_) (void)packet_log_->close();
  const Status captured = capture_ ? capture_->close() : Status{};
  const Status closed = log_->close();
  if (closed && scope_ == Scope::TrackedOnly) log_->pack_rest();
  if (!store_status_) return store_status_;
  return captured ? closed : captured;
}

void Pipeline::drain_loop(bool begin_snapshot) {
  // Edges, not levels: a ring stays readable until what was read is in the log,
  // and the loop would turn without rest while the store writes.
  const UniqueFd edges(::epoll_create1(EPOLL_CLOEXEC));
  const auto watch = [&](int fd) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    (void)::epoll_ctl(edges.get(), EPOLL_CTL_ADD, fd, &event);
  };
  watch(probes_.ring_fd(ALIBI_RING_PROCESS));
  watch(probes_.ring_fd(ALIBI_RING_NETWORK));
  if (packet_feed_) watch(probes_.ring_fd(ALIBI_RING_PACKET));
  if (tls_) watch(tls_->ring_fd());
  watch(clock_.poll_fd());
  if (perf_)
    for (const int fd : perf_->poll_fds())
      watch(fd);
  check_.begin(boot_now());
  if (begin_snapshot) {
    // Attached first, walked now: what happens meanwhile waits in the rings.
    (void)probes_.walk_tasks();
    (void)probes_.walk_files();
    drain_once();
    const std::lock_guard lock(state_mutex_);
    process_translator_.describe_unwalked(check_.begin_time());
  }
  is_walked_ = true;
  is_walked_.notify_all();
  drain_predecessor();
  while (!is_stopping_) {
    epoll_event event{};
    (void)::epoll_wait(edges.get(), &event, 1, kDrainEveryMs);
    drain_once();
  }
  drain_once();
  finish_images();
  queue_.push(make_batch());  // an exit read after this is numbered after the image
  {
    const std::lock_guard lock(state_mutex_);
    once_a_second(boot_now(), true);
  }
  drain_once();  // what the last sweep put into the rings
  {
    const std::lock_guard lock(state_mutex_);
    shared_.processes.for_each([this](const Process& process) { tell_final_count(process); });
  }
  queue_.push(make_batch());
}

void Pipeline::drain_once() {
  bool is_more = true;
  while (is_more) {
    {
      const std::lock_guard lock(state_mutex_);
      mark_side_band();
      const bool is_empty = drain_rings();
      if (process_ring_->cursor() >= marked_at_) drain_side_band();
      const BootNs now = boot_now();
      if (inspector_)
        for (const ImageResult& image : inspector_->take_results())
          process_translator_.on_image(image);
      if (now >= next_sweep_) sweep(now, false);
      if (now >= next_second_) once_a_second(now, false);
      is_more = !is_empty;
      if (is_empty) {
        drained_ = now;
        packet_translator_.drain_unowned(now, is_stopping_);
        if (now.ns > start_.ns + kWrittenKeptNs)
          shared_.written.clear();  // all that waited in the rings at the start has been read
      }
    }
    Batch batch = make_batch();
    if (batch.has_content() || process_ring_->pending_bytes() || network_ring_->pending_bytes() ||
        (packet_feed_ && packet_feed_->has_unreleased()))
      queue_.push(std::move(batch));
  }
}

// Every process record that was made before a network record is read before
// it, and every network record before a packet: the end of that ring is looked
// up first. At most kChunkBytes of each at a time, so that a full ring does not
// become as much memory again. True: nothing is left.
bool Pipeline::drain_rings() {
  if (packet_feed_ && packet_end_ <= packet_feed_->cursor()) packet_end_ = packet_feed_->producer();
  if (network_end_ <= network_ring_->cursor()) network_end_ = network_ring_->producer();
  const std::uint64_t tls_end = tls_ ? tls_->producer() : 0;
  const std::uint64_t process_end = process_ring_->producer();
  process_ring_->read(
      std::min(process_end, process_ring_->cursor() + kChunkBytes),
      [this](std::span<const std::byte> bytes) { on_bytes(ALIBI_RING_PROCESS, false, bytes); });
  // A record still being written ends a read early; the next turn gets it.
  if (process_ring_->cursor() + kChunkBytes < process_end) return false;
  network_ring_->read(
      std::min(network_end_, network_ring_->cursor() + kChunkBytes),
      [this](std::span<const std::byte> bytes) { on_bytes(ALIBI_RING_NETWORK, false, bytes); });
  if (network_ring_->cursor() + kChunkBytes < network_end_) return false;
  if (tls_) unknown_records_ += tls_->read(tls_end);
  if (!packet_feed_) return true;
  return packet_feed_->read(
      packet_end_, boot_now(), is_stopping_, owners_,
      [this](std::span<const std::byte> bytes) { on_bytes(ALIBI_RING_PACKET, false, bytes); });
}

void Pipeline::on_process_bytes(const alibi_header& header, std::span<const std::byte> bytes) {
  const BootNs when{header.boot_ns};
  if (header.kind == ALIBI_RECORD_FORK)
    check_.saw_program(SideBandCheck::What::Fork, header.process.tgid, when);
  if (header.kind == ALIBI_RECORD_EXEC)
    check_.saw_program(SideBandCheck::What::Exec, header.process.tgid, when);
  if (header.kind == ALIBI_RECORD_EXIT)
    check_.saw_program(SideBandCheck::What::Exit, header.process.tgid, when);
  if (!process_translator_.translate(bytes)) ++unknown_records_;
}

// Not what is in the log already, and of two builds' copies only one.
void Pipeline::on_bytes(alibi_ring ring, bool is_predecessor, std::span<const std::byte> bytes) {
  const alibi_header* header = view_header(bytes);
  if (!header) {
    ++unknown_records_;
    return;
  }
  const BootNs when{header->boot_ns};
  if (is_predecessor != (when < probes_.valid_from())) return;
  if (ring == ALIBI_RING_PACKET) {  // what it tells in the log it compares itself
    if (!packet_translator_.translate(bytes)) ++unknown_records_;
    return;
  }
  if (shared_.written.contains(source_of(ring, *header), when)) return;
  if (ring == ALIBI_RING_PROCESS)
    on_process_bytes(*header, bytes);
  else if (!network_translator_.translate(bytes))
    ++unknown_records_;
}

// Executables that wait for the hasher still; without the lock, it takes time.
void Pipeline::finish_images() {
  constexpr std::chrono::seconds kPatience{2};
  if (!inspector_) return;
  const auto images = inspector_->finish(kPatience);
  const std::lock_guard lock(state_mutex_);
  for (const ImageResult& image : images)
    process_translator_.on_image(image);
  losses_.observe("recording_ended", "image", inspector_->pending(), boot_now());
}

// What the programs of an earlier build recorded until ours were attached.
void Pipeline::drain_predecessor() {
  if (!probes_.predecessor()) return;
  const Probes::Predecessor predecessor = *probes_.predecessor();
  const bool is_readable = predecessor.wire_version == ALIBI_WIRE_VERSION;
  std::uint64_t unread = 0;
  for (const auto& [ring, fd] : {std::pair{ALIBI_RING_PROCESS, predecessor.process_ring_fd},
                                 std::pair{ALIBI_RING_NETWORK, predecessor.network_ring_fd},
                                 std::pair{ALIBI_RING_PACKET, predecessor.packet_ring_fd}}) {
    auto reader = RingReader::open(fd);
    if (!reader) continue;
    const std::uint64_t end = (*reader)->producer();
    while ((*reader)->cursor() < end) {
      const std::lock_guard lock(state_mutex_);
      const std::size_t count = (*reader)->read(std::min(end, (*reader)->cursor() + kChunkBytes),
                                                [&](std::span<const std::byte> bytes) {
                                                  if (is_readable) on_bytes(ring, true, bytes);
                                                });
      if (count == 0) break;  // a record that was never finished
      if (!is_readable) unread += count;
    }
  }
  {
    const std::lock_guard lock(state_mutex_);
    if (unread) losses_.observe("upgrade", "record", unread, boot_now());
  }
  Batch batch = make_batch();
  batch.ends_predecessor = true;
  queue_.push(std::move(batch));
}

// What perf and the connector have told up to a moment is of processes that the
// process ring has told of up to a later one: only then it is looked at.
void Pipeline::mark_side_band() {
  if (is_marked_) return;
  if (perf_) perf_->mark();
  read_connector();
  marked_at_ = process_ring_->producer();
  is_marked_ = true;
}

void Pipeline::drain_side_band() {
  is_marked_ = false;
  for (const proc::Ptrace& trace : std::exchange(traces_, {}))
    process_translator_.on_ptrace(trace);
  if (!perf_) return;
  perf_->drain([this](const perf::Record& record) {
    if (const auto* mapping = std::get_if<perf::MapExec>(&record)) {
      process_translator_.on_mapping(*mapping);
      if (tls_) tls_->on_mapping(*mapping);
    } else if (const auto* fork = std::get_if<perf::NewProcess>(&record))
      check_.saw_perf(*fork);
    else if (const auto* exec = std::get_if<perf::Exec>(&record))
      check_.saw_perf(*exec);
    else if (const auto* exit = std::get_if<perf::EndedTask>(&record))
      check_.saw_perf(*exit);
    else if (const auto* program = std::get_if<perf::BpfProgram>(&record))
      process_translator_.on_bpf_program(*program);
    else if (const auto* spaces = std::get_if<perf::Namespaces>(&record))
      process_translator_.on_namespaces(*spaces);
    else if (const auto* cgroup = std::get_if<perf::NewCgroup>(&record)) {
      if (shared_.cgroups) shared_.cgroups->remember(cgroup->id, cgroup->path);
    }
  });
}

void Pipeline::read_connector() {
  if (!connector_) return;
  const auto done = connector_->drain([this](const proc::Event& event) {
    if (const auto* ptrace = std::get_if<proc::Ptrace>(&event)) traces_.push_back(*ptrace);
  });
  if (!done) connector_.reset();
}

void Pipeline::once_a_second(BootNs now, bool is_last) {
  next_second_ = BootNs{now.ns + kSecondNs};
  check_clock(now);
  if (is_last) sweep(now, true);
  observe_losses(now);
  recover_missed(now);
  shared_.processes.prune(now, [this](const Process& process) {
    tell_final_count(process);
    forgotten_.push_back(process.key);
  });
  refresh_perf(now);
}

// A CPU that came online was not covered by the side band until now.
void Pipeline::refresh_perf(BootNs now) {
  if (!perf_) return;
  const auto opened = perf_->refresh();
  if (opened && *opened == 0) return;
  Record record = shared_.make(Kind::Sensor, now, nullptr);
  record.name = "module";
  record.result = opened ? "ok" : "degraded";
  record.via = "perf PERF_RECORD_MMAP2";
  add(record, "detail",
      opened ? fmt::format("{} CPUs came online", *opened) : opened.error().message);
  shared_.out.push_back(std::move(record));
}

// The exit record of such a process was not its last one.
void Pipeline::tell_final_count(const Process& process) {
  if (!process.has_record_after_end) return;
  Record record = shared_.make(Kind::ProcessFinal, boot_now(), nullptr);
  record.process = process.key;
  record.parent = process.parent;
  record.exe = process.exe;
  record.user = process.user;
  shared_.out.push_back(std::move(record));
}

void Pipeline::sweep(BootNs now, bool is_last) {
  next_sweep_ = BootNs{now.ns + kSweepEveryNs};
  (void)probes_.sweep_flows();
  const auto released = network_translator_.take_released();
  auto ends = conversations_.sweep(
      now, released, is_last, [this](const auto& key, const auto& value, auto moment, auto reason) {
        network_translator_.on_conversation(key, value, moment, reason);
      });
  if (ends) ends_.insert(ends_.end(), ends->begin(), ends->end());
  for (const std::uint64_t cookie : released)
    shared_.sockets.forget(cookie);
  wants_walk_ |= network_translator_.take_announced();
  if (wants_walk_ && now >= next_walk_) {
    (void)probes_.walk_files();
    next_walk_ = BootNs{now.ns + kWalkEveryNs};
    wants_walk_ = false;
  }
}

void Pipeline::observe_losses(BootNs now) {
  if (auto counters = probes_.read_counters(); counters) losses_.observe(*counters, now);
  if (perf_) losses_.observe("perf_buffer_full", "side_band", perf_->lost(), now);
  if (connector_) losses_.observe("connector_overflow", "ptrace", connector_->overflows(), now);
  if (inspector_) losses_.observe("image_queue_full", "image", inspector_->overflows(), now);
  losses_.observe("not_understood", "record", unknown_records_, now);
  losses_.observe("request_streams_full", "stream", packet_translator_.streams_dropped(), now);
  losses_.observe("packet_ring_full", "unowned", packet_translator_.unowned_lost(), now);
  packet_translator_.tell_cuts(losses_, now);
  if (tls_) tls_->tell(losses_, now);
  {
    const std::lock_guard lock(totals_mutex_);
    losses_.observe("packet_disk", "packet", packet_totals_.refused, now);
  }
  recursion_misses_ = probes_.recursion_misses();
  for (const Loss& loss : losses_.take()) {
    Record record = to_record(loss);
    record.time = clock_.at(record.boot);
    shared_.out.push_back(std::move(record));
  }
}

void Pipeline::recover_missed(BootNs now) {
  check_.take_missed(now, [this](const SideBandCheck::Missed& missed) {
    switch (missed.what) {
      case SideBandCheck::What::Fork:
        return process_translator_.recover_fork(
            {missed.pid, missed.parent_pid, missed.parent_pid, missed.boot});
      case SideBandCheck::What::Exec:
        return process_translator_.recover_exec({missed.pid, missed.pid, missed.boot, {}});
      case SideBandCheck::What::Exit:
        return process_translator_.recover_exit({missed.pid, missed.pid, missed.boot});
    }
  });
}

void Pipeline::check_clock(BootNs now) {
  const auto entry = clock_.check();
  if (!entry) return;
  Record record = shared_.make(Kind::Clock, now, nullptr);
  record.result = to_text(entry->change);
  add(record, "offset_ns", std::to_string(entry->offset_ns));
  add(record, "before_ns", std::to_string(entry->before_ns));
  if (entry->suspended_ns) add(record, "suspended_ns", std::to_string(entry->suspended_ns));
  shared_.out.push_back(std::move(record));
}

// What the summary of a command tells: of records in its scope, not of events on
// the machine.
void Pipeline::count(const Record& record) {
  if (record.kind == Kind::Fork) ++processes_;
  if (record.kind == Kind::FlowOpen || record.kind == Kind::FlowUpdate ||
      record.kind == Kind::FlowClose)
    flows_.insert(record.flow + ' ' + (record.remote ? event::to_text(*record.remote) : ""));
}

Batch Pipeline::make_batch() {
  const std::lock_guard lock(state_mutex_);
  Batch batch;
  batch.records = std::exchange(shared_.out, {});
  ++shared_.batch;
  batch.ends = std::exchange(ends_, {});
  batch.forgotten = std::exchange(forgotten_, {});
  for (const Record& record : batch.records) {
    if (is_watched_) watched_.push_back(record);
    if (scope_ == Scope::TrackedOnly) count(record);
  }
  batch.process_position = process_ring_->cursor();
  batch.network_position = network_ring_->cursor();
  batch.packets = packet_translator_.take();
  if (packet_feed_) batch.packet_position = packet_feed_->cursor();
  // CPUs and rings come one after the other; the log tells one story.
  std::ranges::stable_sort(batch.records, {}, [](const Record& record) { return record.boot; });
  return batch;
}

void Pipeline::store_loop() {
  constexpr std::chrono::milliseconds kPatience{50};
  while (!queue_.is_finished()) {
    if (auto batch = queue_.pop(kPatience)) store(std::move(*batch));
    if (packet_log_) packet_log_->tick(boot_now());
    const auto ticked = log_->tick(boot_now());
    const std::lock_guard lock(totals_mutex_);
    totals_ = log_->totals();
    if (packet_log_) packet_totals_ = packet_log_->totals();
    if (!ticked && totals_.fault.empty()) totals_.fault = ticked.error().message;
  }
}

// A refusal of the disk is counted and told by the LogWriter; the records are
// gone from memory either way, so the rings are released in both cases.
void Pipeline::store(Batch batch) {
  (void)log_->append(batch.records);
  if (packet_log_) (void)packet_log_->append(batch.packets);
  if (capture_)
    if (auto done = capture_->append(batch.packets); !done) store_status_ = done;
  process_ring_->release(batch.process_position);
  network_ring_->release(batch.network_position);
  if (packet_feed_) packet_feed_->release(batch.packet_position);
  conversations_.commit(batch.ends);
  for (const auto key : batch.forgotten)
    (void)log_->forget(key);
  if (batch.ends_predecessor) probes_.end_predecessor();
}

Pipeline::Counts Pipeline::counts() {
  Counts counts;
  {
    const std::lock_guard lock(state_mutex_);
    counts.lost = losses_.total();
    counts.lost_by_reason = losses_.by_reason();
    counts.skipped_by_kernel = recursion_misses_;
    counts.processes = processes_;
    counts.flows = flows_.size();
    counts.living = shared_.processes.living();
    counts.drained = drained_;
    if (tls_) counts.tls_libraries = tls_->libraries();
  }
  const std::lock_guard lock(totals_mutex_);
  counts.log = totals_;
  counts.packets = packet_totals_;
  return counts;
}

}  // namespace alibi::recorder
