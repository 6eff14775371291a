#include "store/packer.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>

#include "store/encrypted_files.hpp"
#include "store/pack.hpp"
#include "store/packet_pack.hpp"

namespace alibi::store {
namespace {

constexpr auto kWakeInterval = std::chrono::seconds(10);
/// A nudge costs the store thread no lock; it is seen this much later.
constexpr auto kNudgeInterval = std::chrono::milliseconds(100);
constexpr int kSealAttempts = 50;
/// With more finished segments than this waiting, idle time alone does not do.
constexpr std::size_t kBacklog = 4;

// linux/ioprio.h is no C++: it names a parameter `class`.
constexpr int kIoprioWhoProcess = 1;
constexpr int kIoprioIdle = 3 << 13;

/// Best effort: without these the packer only disturbs more.
void run_when_idle() {
  ::syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, kIoprioIdle);
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
}

void run_at_low_priority(pthread_t thread) {
  const sched_param none{};
  ::pthread_setschedparam(thread, SCHED_OTHER, &none);
}

/// On the disk.
std::uint64_t size_of_all(const Layout& layout) {
  const bool is_encrypted = layout.is_encrypted();
  std::error_code error;
  std::uint64_t bytes = 0;
  std::filesystem::recursive_directory_iterator entry(layout.directory, error);
  while (!error && entry != std::filesystem::recursive_directory_iterator()) {
    if (is_encrypted && entry->path() == layout.content) entry.disable_recursion_pending();
    std::error_code vanished;
    const auto size = entry->is_regular_file(vanished) ? entry->file_size(vanished) : 0;
    if (!vanished) bytes += size;
    entry.increment(error);
  }
  return bytes;
}

}  // namespace

Packer::Packer(Disk& disk, Layout layout, Limits limits, Sealing* sealing)
    : disk_(disk),
      layout_(std::move(layout)),
      limits_(limits),
      sealing_(sealing),
      is_passive_(!sealing && layout_.has_identity()),
      disk_bytes_(size_of_all(layout_)) {}

void Packer::start() {
  if (!thread_.joinable()) thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

Packer::~Packer() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  // On a busy machine an idle thread would take long even to see that.
  run_at_low_priority(thread_.native_handle());
}

void Packer::pack_rest() {
  if (thread_.joinable()) {
    thread_.request_stop();
    run_at_low_priority(thread_.native_handle());
    thread_.join();
  }
  has_writer_ = false;
  const std::stop_token never;
  for (int attempt = 0; attempt < kSealAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kNudgeInterval);
    const auto segments = list_segments(disk_, layout_);
    if (!segments) return;
    pack_all(*segments, never);
    (void)pack_packet_files(disk_, layout_, sealing_, true, never);
    const auto left = list_segments(disk_, layout_);
    const auto packets = list_packet_files(disk_, layout_);
    if (!left || !packets) return;
    if (std::ranges::none_of(*left, &SegmentFiles::has_csv) &&
        std::ranges::none_of(*packets, &PacketFiles::has_plain))
      return;
  }
}

void Packer::nudge() { nudged_ = true; }
void Packer::approve() {
  approved_ = true;
  nudged_ = true;
}

std::vector<Packer::Note> Packer::take() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  return lock.owns_lock() ? std::exchange(notes_, {}) : std::vector<Note>{};
}

void Packer::note(Note note) {
  const std::lock_guard lock(mutex_);
  notes_.push_back(std::move(note));
}

void Packer::run(std::stop_token stop) {
  ::pthread_setname_np(::pthread_self(), "alibi-pack");
  run_when_idle();
  std::mutex alone;  // only the request to stop ends the wait early
  std::unique_lock lock(alone);
  std::condition_variable_any wake;
  while (!stop.stop_requested()) {
    nudged_ = false;
    work(stop);
    const auto until = std::chrono::steady_clock::now() + kWakeInterval;
    while (!stop.stop_requested() && !nudged_ && std::chrono::steady_clock::now() < until) {
      wake.wait_for(lock, stop, kNudgeInterval, [&] { return nudged_.load(); });
    }
  }
}

void Packer::work(const std::stop_token& stop) {
  if (is_passive_) return measure();
  if (const auto segments = list_segments(disk_, layout_)) pack_all(*segments, stop);
  if (auto packed = pack_packet_files(disk_, layout_, sealing_, false, stop); packed)
    has_told_packets_ = false;
  else if (!std::exchange(has_told_packets_, true))
    note({event::Kind::Fault, "pack_failed", {{"error", packed.error().message}}});
  if (!stop.stop_requested()) keep_budget();
  measure();
}

/// The newest segment is the writer's, as long as there is one.
void Packer::pack_all(const std::vector<SegmentFiles>& segments, const std::stop_token& stop) {
  std::size_t waiting = 0;
  for (const auto& segment : segments)
    waiting += segment.has_packed || !segment.has_csv ? 0 : 1;
  if (!has_writer_) {
    // On the thread of the caller, which waits for it.
  } else if (waiting > kBacklog) {
    run_at_low_priority(::pthread_self());
    ::setpriority(PRIO_PROCESS, 0, 19);
  } else {
    run_when_idle();
  }
  for (std::size_t i = 0; i < segments.size() && !stop.stop_requested(); ++i) {
    const bool is_newest = i + 1 == segments.size();
    if (is_newest && has_writer_) return;
    pack_one(segments[i], is_newest ? UINT64_MAX : segments[i + 1].first_seq, stop);
  }
}

void Packer::pack_one(const SegmentFiles& segment, std::uint64_t before_seq,
                      const std::stop_token& stop) {
  if (!segment.has_csv && !segment.has_packed) return;  // all of it is encrypted
  if (segment.has_packed) {
    if (segment.has_csv || layout_.is_encrypted()) remove_plain(segment);
    if (layout_.is_encrypted()) return;  // whose filters could be asked
    // Without an index questions are slower, not wrong.
    if (!segment.has_index && reported_.insert(segment.first_seq).second) {
      (void)rebuild_index(disk_, layout_, segment.first_seq);
    }
    return;
  }
  const auto result = pack_segment(disk_, layout_, segment.first_seq, before_seq, limits_,
                                   sealing_ != nullptr, stop);
  if (!result) {
    if (reported_.insert(segment.first_seq).second)
      note({event::Kind::Fault, "pack_failed", {{"error", result.error().message}}});
    return;
  }
  if (sealing_ && result->end == PackEnd::Done) remove_plain(segment);
  if (result->torn.bytes == 0) return;
  note({event::Kind::Recovery,
        "",
        {{"torn_bytes", std::to_string(result->torn.bytes)},
         {"torn_file", result->torn.kept_in.filename().string()}}});
}

/// The .csv of a packed segment, once the seal knows both. What cannot be done now
/// is tried again in the next round.
void Packer::remove_plain(const SegmentFiles& segment) {
  if (sealing_) {
    const auto pair = describe_packed(disk_, layout_, segment.first_seq);
    if (!pair) {
      if (reported_.insert(segment.first_seq).second)
        note({event::Kind::Fault, "pack_failed", {{"error", pair.error().message}}});
      return;
    }
    if (!sealing_->file_packed(*pair)) return;
  }
  if (layout_.is_encrypted())
    return (void)remove_opened(disk_, layout_, SealStream::Events, segment.first_seq);
  (void)disk_.remove(layout_.csv(segment.first_seq));
  (void)disk_.remove(layout_.blocks(segment.first_seq));
}

Status Packer::delete_planned() {
  const Retention& plan = *planned_;
  if (sealing_) {
    const auto stream = plan.is_of_packets ? SealStream::Packets : SealStream::Events;
    if (auto done = sealing_->about_to_delete({stream, plan.segments, plan.rule}); !done) {
      // Filters can be made again: their room may do for the leaf.
      if (is_full(done.error()) && !plan.is_of_packets)
        for (const auto first_seq : plan.segments)
          (void)disk_.remove(layout_.index(first_seq));
      return done;
    }
  }
  (void)(plan.is_of_packets ? delete_packet_files(disk_, layout_, plan.segments)
                            : delete_segments(disk_, layout_, plan.segments));
  return {};
}

void Packer::keep_budget() {
  if (planned_ && approved_.exchange(false)) {
    if (delete_planned())
      planned_.reset();
    else
      approved_ = true;  // the next round tries again
  }
  const auto segments = list_segments(disk_, layout_);
  if (planned_ || !segments) return;
  auto plan = plan_retention(disk_, layout_, *segments, limits_, wall_now());
  if (plan.segments.empty()) {
    if (const auto files = list_packet_files(disk_, layout_))
      plan = plan_packet_retention(*files, limits_);
  }
  if (plan.segments.empty()) return;
  note({event::Kind::Retention, plan.rule, plan.to_extra()});
  planned_ = std::move(plan);
}

void Packer::measure() {
  disk_bytes_ = size_of_all(layout_);
  if (const auto segments = list_segments(disk_, layout_)) segments_ = segments->size();
}

}  // namespace alibi::store
