#include "store/log_writer.hpp"

#include <algorithm>
#include <optional>

#include "event/csv.hpp"
#include "store/directory_lock.hpp"
#include "store/memory_directory.hpp"
#include "store/numbering.hpp"
#include "store/own_records.hpp"
#include "store/packer.hpp"
#include "store/recovery.hpp"
#include "store/reserve.hpp"
#include "store/segment_file.hpp"
#include "store/segment_head.hpp"
#include "store/survey.hpp"

namespace alibi::store {
namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;
constexpr std::uint64_t kRetryNs = 1'000'000'000;
constexpr std::size_t kBufferBytes = 4U << 20;

std::int64_t day_of(WallNs time) { return time.ns / kDayNs; }

const char* reason_of(const Error& error) { return is_full(error) ? "disk_full" : "disk_error"; }

class FileLogWriter final : public LogWriter {
 public:
  FileLogWriter(Disk& disk, Layout layout, std::string boot_id, Limits limits, UniqueFd lock,
                Sealing* sealing)
      : disk_(disk),
        layout_(std::move(layout)),
        boot_id_(std::move(boot_id)),
        limits_(limits),
        lock_(std::move(lock)),
        sealing_(sealing),
        reserve_(disk, layout_, limits.reserve_bytes) {}

  Status start();

  [[nodiscard]] Sealing* sealing() const override { return sealing_; }
  [[nodiscard]] const Recovered& recovered() const override { return recovery_.found; }
  Status replay(std::move_only_function<void(const event::Record&)> visit) override;
  void on_new_segment(std::move_only_function<SegmentHead()> make_head) override {
    make_head_ = std::move(make_head);
  }
  Status append(std::span<event::Record> records) override;
  Status tick(BootNs now) override;
  std::uint64_t forget(event::ProcessKey process) override { return numbering_.forget(process); }
  [[nodiscard]] Totals totals() const override;
  Status close() override;
  void pack_rest() override;

 private:
  Status begin_sealing();
  void continue_after(std::uint64_t last_sealed);
  Status resume_segment();
  Status begin_segment(BootNs now);
  Status write_batch(std::span<event::Record> records, BootNs now);
  Status write_or_use_reserve(std::span<event::Record> records, BootNs now);
  Status sync(BootNs now);
  Status keep_up(BootNs now);
  [[nodiscard]] bool is_rotation_due(BootNs now) const;
  void abandon_segment();
  void hear_packer();
  void note_segment_start(WallNs time, BootNs boot);

  Disk& disk_;
  Layout layout_;
  std::string boot_id_;
  Limits limits_;
  UniqueFd lock_;
  Sealing* sealing_;
  Reserve reserve_;
  Recovery recovery_;
  Numbering numbering_;
  OwnRecords own_;
  std::move_only_function<SegmentHead()> make_head_;

  std::optional<SegmentFile>
      file_;                      ///< none: before the first record, or the disk refuses a new one
  std::string rescued_;           ///< lines of an abandoned segment that were not durable yet
  std::uint64_t synced_seq_ = 0;  ///< last number known to be durable
  std::int64_t segment_day_ = 0;
  BootNs segment_start_;
  bool has_records_after_head_ = false;

  std::optional<Error> refusal_;  ///< why records are being refused; none: they are not
  BootNs retry_at_;
  bool deletion_waits_ = false;  ///< a retention record is on its way to the disk
  std::string buffer_;
  std::uint64_t written_ = 0;
  std::uint64_t refused_ = 0;
  std::optional<Packer> packer_;
};

Status FileLogWriter::start() {
  auto recover_once = [&] {
    return recover(disk_, layout_, boot_id_, layout_.has_identity(),
                   [&](const event::Record& record) {
                     numbering_.restore(record);
                     if (record.kind == event::Kind::Segment)
                       note_segment_start(record.time, record.boot);
                   });
  };
  auto recovery = recover_once();
  if (!recovery && is_full(recovery.error())) {
    // The torn end of the last segment needs room to be kept in.
    (void)disk_.remove(layout_.reserve());
    recovery = recover_once();
  }
  if (!recovery) return std::unexpected(recovery.error());
  recovery_ = std::move(*recovery);
  numbering_.set_last_seq(recovery_.found.last_seq);
  synced_seq_ = recovery_.found.last_seq;
  if (!recovery_.note.empty()) own_.add(event::Kind::Recovery, "", recovery_.note);
  // Without room for a reserve the log is still written; append tells when it no longer can.
  (void)reserve_.fill();
  if (auto done = begin_sealing(); !done) return done;
  if (auto done = resume_segment(); !done) return done;
  packer_.emplace(disk_, layout_, limits_, sealing_);
  return {};
}

Status FileLogWriter::begin_sealing() {
  if (!sealing_) {
    if (!layout_.is_encrypted()) return {};
    return fail(Errc::Denied, "this log is encrypted: only what seals it may write it");
  }
  if (auto done = sealing_->begin(recovery_.found); !done) {
    // What nobody encrypts would be lost with the memory.
    if (layout_.is_encrypted()) return during("seal the encrypted log", done.error());
    own_.add(event::Kind::Fault, "seal_failed", {{"error", done.error().message}});
    sealing_ = nullptr;
    return {};
  }
  continue_after(sealing_->last_sealed(SealStream::Events));
  return {};
}

/// Numbers that the seal knows and no file that can be read: the memory is gone that an
/// encrypted log's open segment stood in.
void FileLogWriter::continue_after(std::uint64_t last_sealed) {
  if (!layout_.is_encrypted() || last_sealed <= numbering_.last_seq()) return;
  numbering_.set_last_seq(last_sealed);
  synced_seq_ = last_sealed;
  own_.add(event::Kind::Recovery, "memory_lost", {{"last_seq", std::to_string(last_sealed)}});
}

Status FileLogWriter::resume_segment() {
  if (!recovery_.open) return {};
  const auto& open = *recovery_.open;
  auto file =
      SegmentFile::resume(disk_, layout_, open.first_seq, open.bytes, open.blocked_bytes, limits_);
  if (!file) return std::unexpected(file.error());
  // Lines a killed recorder wrote are in the page cache, perhaps not on disk.
  if (auto done = file->sync(); !done)
    return during("continue " + layout_.csv(open.first_seq).string(), done.error());
  file_ = std::move(*file);
  if (sealing_) file_->seal_from_here(*sealing_);
  has_records_after_head_ = true;
  synced_seq_ = numbering_.last_seq();
  return {};
}

Status FileLogWriter::replay(std::move_only_function<void(const event::Record&)> visit) {
  if (!recovery_.open) return {};
  const auto survey = survey_segment(disk_, layout_, recovery_.open->first_seq,
                                     [&](const event::Record& record) { visit(record); });
  if (!survey) return std::unexpected(survey.error());
  return {};
}

void FileLogWriter::note_segment_start(WallNs time, BootNs boot) {
  segment_day_ = day_of(time);
  segment_start_ = boot;
}

Status FileLogWriter::begin_segment(BootNs now) {
  const std::uint64_t before = numbering_.last_seq();
  // What was rescued gets new numbers, and so begins after the durable ones; a
  // head whose name never became durable is written over.
  numbering_.set_last_seq(synced_seq_);
  const std::uint64_t first_seq = numbering_.last_seq() + 1;
  auto head = make_head_ ? make_head_() : SegmentHead{};
  const BootNs begins = head.at.value_or(now);
  const std::string head_text =
      make_head_text(std::move(head), boot_id_, begins, own_.wall(begins), numbering_);
  const std::string lines = renumber(rescued_, numbering_);
  auto file = SegmentFile::create(disk_, layout_, first_seq, head_text, lines, sealing_);
  if (!file) {
    numbering_.set_last_seq(before);
    return std::unexpected(file.error());
  }
  file_ = std::move(*file);
  written_ += numbering_.last_seq() + 1 - first_seq;
  has_records_after_head_ = !rescued_.empty();
  rescued_.clear();
  if (file_->has_durable_name()) synced_seq_ = numbering_.last_seq();
  note_segment_start(own_.wall(now), now);
  packer_->nudge();
  return {};
}

/// The segment can no longer be trusted with new lines; those it may lose go
/// into the next one.
void FileLogWriter::abandon_segment() {
  rescued_ = file_->unsynced();
  file_.reset();
}

Status FileLogWriter::write_batch(std::span<event::Record> records, BootNs now) {
  if (refusal_) {
    if (now < retry_at_) return std::unexpected(*refusal_);
    retry_at_ = {now.ns + kRetryNs};
    // After a full disk, wait until there is room for the reserve again:
    // otherwise every freed page would bring a few records and another loss.
    if (is_full(*refusal_) && !reserve_.fill()) return std::unexpected(*refusal_);
  }
  if (!file_) {
    if (auto begun = begin_segment(now); !begun) return begun;
  }
  auto own = own_.make(now);
  numbering_.assign(own);
  numbering_.assign(records);
  buffer_.clear();
  for (const auto& record : own)
    event::append_csv(buffer_, record);
  for (const auto& record : records)
    event::append_csv(buffer_, record);
  if (auto done = file_->append(buffer_, limits_, now); !done) {
    numbering_.take_back(records);
    numbering_.take_back(own);
    if (!file_->is_sound()) abandon_segment();
    return during("write " + layout_.events().string(), done.error());
  }
  own_.clear();
  refusal_.reset();
  has_records_after_head_ = true;
  written_ += own.size() + records.size();
  if (buffer_.capacity() > kBufferBytes) std::string().swap(buffer_);
  return {};
}

Status FileLogWriter::write_or_use_reserve(std::span<event::Record> records, BootNs now) {
  auto done = write_batch(records, now);
  if (done || refusal_) return done;
  if (is_full(done.error()) && reserve_.release()) {
    own_.add(event::Kind::Fault, "disk_full", {{"error", done.error().message}});
    return write_batch(records, now);
  }
  if (!is_full(done.error())) {
    // The segment was abandoned; another one may fare better.
    own_.add(event::Kind::Fault, "disk_error", {{"error", done.error().message}});
    return write_batch(records, now);
  }
  return done;
}

Status FileLogWriter::append(std::span<event::Record> records) {
  if (records.empty()) return {};
  own_.learn_clock(records.back());
  const BootNs now = boot_now();
  auto done = write_or_use_reserve(records, now);
  if (!done) {
    refused_ += records.size();
    own_.add_loss(records, reason_of(done.error()));
    refusal_ = done.error();
    return done;
  }
  // The records are in the log; trouble with what follows is noted in there.
  (void)keep_up(now);
  return {};
}

Status FileLogWriter::sync(BootNs now) {
  if (!file_) return {};
  auto done = file_->sync();
  if (done) {
    synced_seq_ = numbering_.last_seq();
    if (deletion_waits_ && own_.is_empty()) {
      deletion_waits_ = false;
      packer_->approve();
    }
    return done;
  }
  own_.add(event::Kind::Fault, "sync_failed", {{"error", done.error().message}});
  abandon_segment();
  return begin_segment(now);
}

bool FileLogWriter::is_rotation_due(BootNs now) const {
  if (!file_ || !has_records_after_head_) return false;
  return file_->bytes() >= limits_.segment_bytes ||
         now.ns >= segment_start_.ns + limits_.segment_seconds * 1'000'000'000ULL ||
         (own_.knows_clock() && day_of(own_.wall(now)) > segment_day_);
}

Status FileLogWriter::keep_up(BootNs now) {
  if (file_ && file_->is_sync_due(now, limits_)) {
    if (auto done = sync(now); !done) return done;
  }
  if (!is_rotation_due(now)) return {};
  if (auto done = sync(now); !done) return done;
  return begin_segment(now);
}

void FileLogWriter::hear_packer() {
  for (auto& note : packer_->take()) {
    if (note.kind == event::Kind::Retention) {
      // On a full disk the deletion is what makes room for its own record.
      deletion_waits_ = !refusal_;
      if (refusal_) packer_->approve();
    }
    own_.add(note.kind, std::move(note.result), std::move(note.extra));
  }
}

Status FileLogWriter::tick(BootNs now) {
  packer_->start();  // not in open: by now the recorder has given up what it does not need
  hear_packer();
  const bool has_something = !own_.is_empty() || !rescued_.empty();
  if (has_something && own_.knows_clock()) {
    if (auto done = write_or_use_reserve({}, now); !done) {
      refusal_ = done.error();
      return done;
    }
  }
  return keep_up(now);
}

Totals FileLogWriter::totals() const {
  Totals totals;
  totals.records = written_;
  totals.refused = refused_;
  totals.disk_bytes = packer_->disk_bytes();
  totals.segments = packer_->segments();
  if (refusal_) totals.fault = std::string(reason_of(*refusal_)) + ": " + refusal_->message;
  return totals;
}

Status FileLogWriter::close() {
  const BootNs now = boot_now();
  hear_packer();
  if (refusal_ && is_full(*refusal_)) {
    // Last words: what was lost must not be forgotten with this process.
    reserve_.release_rest();
    refusal_.reset();
  }
  Status done;
  if ((!own_.is_empty() || !rescued_.empty()) && own_.knows_clock()) done = write_batch({}, now);
  if (auto synced = sync(now); !synced) done = synced;
  return done;
}

void FileLogWriter::pack_rest() {
  if (!layout_.is_encrypted() || refusal_) return;
  file_.reset();
  packer_->pack_rest();
}

}  // namespace

Result<std::unique_ptr<LogWriter>> LogWriter::open(const std::filesystem::path& directory,
                                                   const std::string& boot_id, Limits limits,
                                                   Disk& disk, Sealing* sealing) {
  Layout layout = Layout::of(directory);
  if (auto done = require_memory(layout); !done) return std::unexpected(done.error());
  std::vector<Disk::Path> wanted = {directory, layout.events()};
  if (layout.is_encrypted()) wanted.insert(wanted.end(), {directory / "events", layout.live()});
  for (const auto& path : wanted)
    if (auto done = disk.make_directory(path); !done) return std::unexpected(done.error());
  auto lock = lock_directory(layout);
  if (!lock) return std::unexpected(lock.error());
  auto writer = std::make_unique<FileLogWriter>(disk, std::move(layout), boot_id, limits,
                                                std::move(*lock), sealing);
  if (auto done = writer->start(); !done) return std::unexpected(done.error());
  return writer;
}

}  // namespace alibi::store
