#include "seal/sealer.hpp"

#include <pthread.h>

#include <algorithm>
#include <future>

#include "seal/encrypted_log.hpp"
#include "store/log_writer.hpp"

namespace alibi::seal {
namespace {

constexpr auto kWitnessPatience = std::chrono::milliseconds(5000);
constexpr auto kStopPause = std::chrono::milliseconds(300);
constexpr int kStopAttempts = 5;

}  // namespace

Sealer::Sealer(SealLayout layout, Session session, MakeWitnessing make_witnessing,
               store::Disk& disk)
    : disk_(disk),
      layout_(std::move(layout)),
      session_(std::move(session)),
      make_witnessing_(std::move(make_witnessing)) {}

Sealer::~Sealer() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  witnessing_.reset();  // it calls this object
}

Status Sealer::begin(const store::Recovered& recovered) {
  auto work = SealWork::open({disk_, layout_, session_, read_clock_ns}, recovered);
  if (!work) {
    state_.fault = work.error().message;
    return std::unexpected(work.error());
  }
  work_ = std::move(*work);
  recipients_ = work_->recipients();
  keep_state();
  return {};
}

std::uint64_t Sealer::last_sealed(store::SealStream stream) {
  const SealState known = state();
  return stream == store::SealStream::Events ? known.last_event : known.last_packet;
}

void Sealer::start() {
  if (!work_) return;
  if (make_witnessing_) witnessing_ = make_witnessing_(layout_, *this);
  work_->set_witnessing(witnessing_.get());
  is_running_ = true;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Sealer::run(const std::stop_token& stop) {
  ::pthread_setname_np(::pthread_self(), "alibi-seal");
  while (!stop.stop_requested()) {
    work_once();
    const auto patience = work_->patience();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, patience, [&] { return !tasks_.empty(); });
  }
}

void Sealer::work_once() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks)
    task(*work_);
  (void)work_->work();  // what keeps it from working is in its state
  keep_state();
}

void Sealer::keep_state() {
  SealState state = work_->state();
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

Status Sealer::stop(const std::string& reason) {
  if (!work_) return {};
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard lock(mutex_);
    is_running_ = false;
  }
  Status done;
  for (int attempt = 0; attempt < kStopAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kStopPause);
    work_once();
    done = work_->finish(reason);
    if (done) break;
  }
  if (done && witnessing_) {
    witnessing_->finish(kWitnessPatience);
    work_->set_witnessing(nullptr);
    std::unique_lock lock(mutex_);
    const bool has_answers = !tasks_.empty();
    lock.unlock();
    if (has_answers) {
      work_once();
      done = work_->close_epoch();
    }
  }
  keep_state();
  if (witnessing_) {
    const std::lock_guard lock(mutex_);
    state_.witness = witnessing_->trouble();  // work_ no longer knows whom to ask
  }
  return done;
}

SealState Sealer::state() {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Sealer::give(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Sealer::block_synced(const store::SyncedBlock& block) {
  give([block](SealWork& work) { work.add(block); });
}

void Sealer::record_synced(store::SyncedRecord record) {
  const auto type = leaf_type_of(record.kind);
  if (!type) return;
  Pairs pairs = {{"record", std::to_string(record.seq)}, {"result", std::move(record.result)}};
  for (auto& pair : record.extra)
    if (std::ranges::find(pairs, pair.first, &Pairs::value_type::first) == pairs.end())
      pairs.push_back(std::move(pair));
  give([type, pairs = std::move(pairs)](SealWork& work) {
    work.add(SealWork::Order{*type, pairs, {}, {}});
  });
}

void Sealer::urgent() {
  give([](SealWork& work) { work.add_urgent(); });
}

Status Sealer::ask(std::function<void(SealWork&, SealWork::Done)> task) {
  auto promise = std::make_shared<std::promise<Status>>();
  auto answer = promise->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (!is_running_) return fail(Errc::Denied, "nothing is sealed now");
    tasks_.push_back([task = std::move(task), promise](SealWork& work) {
      task(work, [promise](const Result<std::uint64_t>& index) {
        promise->set_value(index ? Status{} : std::unexpected(index.error()));
      });
    });
  }
  wake_.notify_one();
  return answer.get();
}

Status Sealer::file_packed(const store::PackedPair& packed) {
  store::PackedPair pair = packed;
  if (!recipients_.empty()) {
    const auto file =
        encrypt_packed(disk_, layout_, recipients_, {stream_of(pair.stream), pair.segment});
    if (!file) return std::unexpected(file.error());
    pair.encrypted_bytes = file->bytes;
    pair.encrypted_sha256 = file->sha256;
  }
  return ask(
      [pair](SealWork& work, SealWork::Done done) { work.add_packed(pair, std::move(done)); });
}

Status Sealer::about_to_delete(const store::Deletion& deletion) {
  const Stream stream = stream_of(deletion.stream);
  Pairs pairs = {{"stream", std::string(name_of(stream))},
                 {"first", std::to_string(deletion.segments.front())},
                 {"last", std::to_string(deletion.segments.back())},
                 {"rule", deletion.rule}};
  auto told = ask([stream, pairs](SealWork& work, SealWork::Done done) {
    work.add(SealWork::Order{LeafType::Retention, pairs, stream, std::move(done)});
  });
  if (!told) return told;
  // Whatever copy of the records there is, nothing of it can be guessed any more.
  for (const std::uint64_t segment : deletion.segments) {
    const auto removed = disk_.remove(layout_.seed(stream, segment));
    if (!removed && removed.error().code != Errc::NotFound) return removed;
  }
  return disk_.sync_directory(layout_.seed(stream, deletion.segments.front()).parent_path());
}

void Sealer::cosigned(std::uint64_t size, std::string note, std::string name) {
  give([size, note = std::move(note), name = std::move(name)](SealWork& work) {
    work.add_cosigned(size, note, name);
  });
}

void Sealer::stamped(std::uint64_t size, std::string token, std::string name, std::string time) {
  give([size, token = std::move(token), name = std::move(name),
        time = std::move(time)](SealWork& work) { work.add_stamp(size, token, name, time); });
}

void Sealer::fault(std::string result, std::string error) {
  give([result = std::move(result), error = std::move(error)](SealWork& work) {
    work.add(SealWork::Order{LeafType::Fault, {{"result", result}, {"error", error}}, {}, {}});
    work.add_urgent();
  });
}

}  // namespace alibi::seal
