#include "store/log_reader.hpp"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <set>
#include <thread>

#include "event/csv.hpp"
#include "store/chunks.hpp"
#include "store/decrypted_segment.hpp"
#include "store/index_file.hpp"
#include "store/layout.hpp"
#include "store/matcher.hpp"
#include "store/packed_file.hpp"

namespace alibi::store {
namespace {

using Go = LogReader::Go;
constexpr auto kPollInterval = std::chrono::milliseconds(50);
constexpr int kPollsPerListing = 4;

/// One question in progress.
struct Question {
  const Matcher& matcher;
  Order order;
  LogReader::Visit& visit;
  std::vector<Matcher::Line> lines;  ///< scratch
};

/// A segment as the visit of its lines needs it.
struct Place {
  std::filesystem::path file;
  const std::string* boot_id;
  std::uint64_t before_seq;
};

class FileLogReader final : public LogReader {
 public:
  FileLogReader(Layout layout, std::filesystem::path identity)
      : layout_(std::move(layout)), identity_(std::move(identity)) {}

  Status scan(const Hints& hints, Order order, Visit visit) override;
  Status follow(const Hints& hints, Visit visit,
                std::move_only_function<bool()> keep_going) override;
  [[nodiscard]] const Skipped& skipped() const override { return skipped_; }

 private:
  Result<Go> scan_segments(const std::vector<SegmentFiles>& segments, std::size_t count,
                           Question& question);
  Result<Go> scan_segment(const SegmentFiles& segment, std::uint64_t before_seq,
                          Question& question);
  Result<Go> scan_csv(const std::filesystem::path& file, std::uint64_t before_seq,
                      Question& question);
  Result<Go> scan_packed(const std::filesystem::path& file, const std::filesystem::path& index_file,
                         std::uint64_t before_seq, Question& question);
  Result<Go> scan_encrypted(const SegmentFiles& segment, std::uint64_t before_seq,
                            Question& question);
  Result<std::vector<FrameSpan>> walk_frames(PackedFile& packed, const std::filesystem::path& file,
                                             Place& place);
  Go visit_chunk(const Chunk& chunk, const Place& place, Question& question);
  const std::string* boot_of(const Chunk& first_chunk, const std::filesystem::path& file);
  void note_damage(const std::filesystem::path& file, std::uint64_t offset, std::uint64_t bytes,
                   std::string what);
  void note_torn_tail(int fd, std::uint64_t end, const std::filesystem::path& file);
  friend class Follower;

  Disk& disk_ = real_disk();
  Layout layout_;
  std::filesystem::path identity_;  ///< empty: none
  Skipped skipped_;
  std::set<std::string> boot_ids_;
};

Status FileLogReader::scan(const Hints& hints, Order order, Visit visit) {
  const auto segments = list_segments(disk_, layout_);
  if (!segments) return std::unexpected(segments.error());
  const Matcher matcher(hints);
  Question question{matcher, order, visit, {}};
  const auto done = scan_segments(*segments, segments->size(), question);
  if (!done) return std::unexpected(done.error());
  return {};
}

/// The first `count` of `segments`, in the order asked for.
Result<Go> FileLogReader::scan_segments(const std::vector<SegmentFiles>& segments,
                                        std::size_t count, Question& question) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = question.order == Order::OldestFirst ? i : count - 1 - i;
    const std::uint64_t before_seq =
        at + 1 < segments.size() ? segments[at + 1].first_seq : UINT64_MAX;
    const auto go = scan_segment(segments[at], before_seq, question);
    if (!go || *go == Go::Stop) return go;
  }
  return Go::On;
}

/// The packer may replace a .csv by its packed form between listing and opening.
Result<Go> FileLogReader::scan_segment(const SegmentFiles& segment, std::uint64_t before_seq,
                                       Question& question) {
  if (!segment.has_packed) {
    auto go = scan_csv(layout_.csv(segment.first_seq), before_seq, question);
    if (go || go.error().code != Errc::NotFound) return go;
  }
  auto go = scan_packed(layout_.packed(segment.first_seq), layout_.index(segment.first_seq),
                        before_seq, question);
  if (!go && go.error().code == Errc::NotFound && segment.has_encrypted && !identity_.empty())
    go = scan_encrypted(segment, before_seq, question);
  // Deleted by retention since it was listed.
  if (!go && go.error().code == Errc::NotFound) return Go::On;
  return go;
}

/// What does not open is damage, as in other logs what does not unpack.
Result<Go> FileLogReader::scan_encrypted(const SegmentFiles& segment, std::uint64_t before_seq,
                                         Question& question) {
  const auto opened =
      decrypt_segment(disk_, layout_, SealStream::Events, segment.first_seq, identity_);
  if (!opened && opened.error().code == Errc::Corrupt) {
    note_damage(layout_.encrypted(SealStream::Events, segment.first_seq), 0, segment.bytes,
                opened.error().message);
    return Go::On;
  }
  if (!opened) return std::unexpected(opened.error());
  return opened->is_packed ? scan_packed(opened->path(), {}, before_seq, question)
                           : scan_csv(opened->path(), before_seq, question);
}

Result<Go> FileLogReader::scan_csv(const std::filesystem::path& file, std::uint64_t before_seq,
                                   Question& question) {
  const auto fd = disk_.open(file, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  ForwardChunks forward(disk_, fd->get(), 0);
  auto chunk = forward.next();
  if (!chunk) return during("read " + file.string(), chunk.error());
  const Place place{file, boot_of(*chunk, file), before_seq};
  if (question.order == Order::NewestFirst) {
    const auto size = disk_.size(fd->get());
    if (!size) return std::unexpected(size.error());
    BackwardChunks backward(disk_, fd->get(), *size);
    while (true) {
      chunk = backward.next();
      if (!chunk) return during("read " + file.string(), chunk.error());
      if (chunk->text.empty()) return Go::On;
      if (visit_chunk(*chunk, place, question) == Go::Stop) return Go::Stop;
    }
  }
  while (!chunk->text.empty()) {
    if (visit_chunk(*chunk, place, question) == Go::Stop) return Go::Stop;
    chunk = forward.next();
    if (!chunk) return during("read " + file.string(), chunk.error());
  }
  // A line without its end is being written, unless the segment is over.
  if (before_seq != UINT64_MAX) note_torn_tail(fd->get(), forward.end(), file);
  return Go::On;
}

Result<Go> FileLogReader::scan_packed(const std::filesystem::path& file,
                                      const std::filesystem::path& index_file,
                                      std::uint64_t before_seq, Question& question) {
  auto packed = PackedFile::open(disk_, file);
  if (!packed) return std::unexpected(packed.error());
  Place place{file, nullptr, before_seq};
  std::vector<FrameSpan> frames;
  if (const auto index = Index::open(disk_, index_file, packed->bytes())) {
    if (!index->may_match(question.matcher)) return Go::On;
    place.boot_id = &*boot_ids_.emplace(index->boot_id()).first;
    for (const auto& frame : index->frames()) {
      if (index->may_match(question.matcher, frame)) frames.push_back(frame.span);
    }
  } else {
    auto walked = walk_frames(*packed, file, place);
    if (!walked) return std::unexpected(walked.error());
    frames = std::move(*walked);
  }
  if (question.order == Order::NewestFirst) std::ranges::reverse(frames);
  for (const auto& frame : frames) {
    const auto chunk = packed->load(frame);
    if (!chunk && chunk.error().code != Errc::Corrupt) {
      return during("read " + file.string(), chunk.error());
    }
    if (!chunk) {
      note_damage(file, frame.csv_offset, frame.csv_bytes, chunk.error().message);
    } else if (visit_chunk(*chunk, place, question) == Go::Stop) {
      return Go::Stop;
    }
  }
  return Go::On;
}

/// Finds the frames, and the boot, of a segment that has no usable index.
Result<std::vector<FrameSpan>> FileLogReader::walk_frames(PackedFile& packed,
                                                          const std::filesystem::path& file,
                                                          Place& place) {
  auto map = packed.map_frames();
  if (!map) return during("read " + file.string(), map.error());
  for (const auto& bad : map->bad) {
    note_damage(file, bad.csv_offset, bad.file_bytes, "packed bytes that are no frame");
  }
  if (!map->frames.empty()) {
    if (const auto first = packed.load(map->frames.front())) place.boot_id = boot_of(*first, file);
  }
  if (!place.boot_id) place.boot_id = &*boot_ids_.emplace().first;
  return std::move(map->frames);
}

Go FileLogReader::visit_chunk(const Chunk& chunk, const Place& place, Question& question) {
  question.matcher.find_lines(chunk, place.before_seq, question.lines);
  if (question.order == Order::NewestFirst) std::ranges::reverse(question.lines);
  for (const auto& line : question.lines) {
    auto record = event::parse_csv(line.text);
    if (!record) {
      note_damage(place.file, line.offset, line.text.size() + 1, record.error().message);
      continue;
    }
    if (!question.matcher.matches(*record)) continue;
    if (question.visit(BootRecord{std::move(*record), place.boot_id}) == Go::Stop) return Go::Stop;
  }
  return Go::On;
}

/// From the `segment` record, the first after the header line.
const std::string* FileLogReader::boot_of(const Chunk& first_chunk,
                                          const std::filesystem::path& file) {
  const auto begin = first_chunk.text.find('\n') + 1;
  const auto line = first_chunk.text.substr(begin, first_chunk.text.find('\n', begin) - begin);
  const auto record = event::parse_csv(line);
  const bool is_segment = record && record->kind == event::Kind::Segment;
  if (!is_segment && !line.empty())
    note_damage(file, begin, line.size(), "the first record is not `segment`");
  return &*boot_ids_.emplace(is_segment ? record->find_extra("boot_id") : "").first;
}

void FileLogReader::note_damage(const std::filesystem::path& file, std::uint64_t offset,
                                std::uint64_t bytes, std::string what) {
  const auto is_same = [&](const Skipped::Damage& known) {
    return known.file == file && known.offset == offset;
  };
  if (std::ranges::any_of(skipped_.damage, is_same)) return;  // from an earlier question
  skipped_.damage.push_back({file, offset, bytes, std::move(what)});
}

void FileLogReader::note_torn_tail(int fd, std::uint64_t end, const std::filesystem::path& file) {
  const auto size = disk_.size(fd);
  if (size && *size > end) note_damage(file, end, *size - end, "the last line has no end");
}

/// The live end of the log: one segment at a time, from where reading stopped.
class Follower {
 public:
  Follower(FileLogReader& reader, Question& question) : reader_(reader), question_(question) {}

  Status start(bool from_the_past);
  /// Reads what is new. False: the visitor said Stop.
  Result<Go> read_on();
  /// Moves to the next segment when there is one and this one is read up.
  Result<Go> look_for_next();

 private:
  Result<Go> open(const SegmentFiles& segment);

  FileLogReader& reader_;
  Question& question_;
  std::uint64_t first_seq_ = 0;
  UniqueFd fd_;
  std::optional<ForwardChunks> chunks_;
  Place place_{};
};

Status Follower::start(bool from_the_past) {
  const auto segments = list_segments(reader_.disk_, reader_.layout_);
  if (!segments) return std::unexpected(segments.error());
  if (segments->empty()) return {};
  if (from_the_past) {
    const auto go = reader_.scan_segments(*segments, segments->size() - 1, question_);
    if (!go) return std::unexpected(go.error());
    const auto opened = open(segments->back());
    if (!opened) return std::unexpected(opened.error());
    return {};
  }
  first_seq_ = segments->back().first_seq;
  if (segments->back().has_packed || !segments->back().has_csv) return {};
  if (const auto opened = open(segments->back()); !opened) return std::unexpected(opened.error());
  if (!fd_.is_open()) return {};
  const auto size = reader_.disk_.size(fd_.get());
  if (!size) return std::unexpected(size.error());
  BackwardChunks backward(reader_.disk_, fd_.get(), *size);
  const auto last = backward.next();
  if (!last) return std::unexpected(last.error());
  chunks_.emplace(reader_.disk_, fd_.get(), last->offset + last->text.size());
  return {};
}

Result<Go> Follower::open(const SegmentFiles& segment) {
  first_seq_ = segment.first_seq;
  fd_.reset();
  chunks_.reset();
  const auto file = reader_.layout_.csv(first_seq_);
  auto fd = reader_.disk_.open(file, O_RDONLY);
  if (!fd && fd.error().code == Errc::NotFound) {
    // Packed already: it is complete, and read at once.
    return reader_.scan_segment(segment, UINT64_MAX, question_);
  }
  if (!fd) return std::unexpected(fd.error());
  fd_ = std::move(*fd);
  ForwardChunks forward(reader_.disk_, fd_.get(), 0);
  const auto first = forward.next();
  if (!first) return std::unexpected(first.error());
  place_ = {file, reader_.boot_of(*first, file), UINT64_MAX};
  chunks_.emplace(reader_.disk_, fd_.get(), 0);
  return Go::On;
}

Result<Go> Follower::read_on() {
  if (!chunks_) return Go::On;
  const auto size = reader_.disk_.size(fd_.get());
  if (!size) return std::unexpected(size.error());
  // The writer took back lines that the disk did not accept.
  if (*size < chunks_->end()) chunks_.emplace(reader_.disk_, fd_.get(), *size);
  while (true) {
    const auto chunk = chunks_->next();
    if (!chunk) return std::unexpected(chunk.error());
    if (chunk->text.empty()) return Go::On;
    if (reader_.visit_chunk(*chunk, place_, question_) == Go::Stop) return Go::Stop;
  }
}

Result<Go> Follower::look_for_next() {
  const auto segments = list_segments(reader_.disk_, reader_.layout_);
  if (!segments) return std::unexpected(segments.error());
  for (const auto& segment : *segments) {
    if (segment.first_seq <= first_seq_) continue;
    // A segment gets no more lines once the next one exists.
    if (const auto go = read_on(); !go || *go == Go::Stop) return go;
    if (const auto go = open(segment); !go || *go == Go::Stop) return go;
    if (const auto go = read_on(); !go || *go == Go::Stop) return go;
  }
  return Go::On;
}

Status FileLogReader::follow(const Hints& hints, Visit visit,
                             std::move_only_function<bool()> keep_going) {
  const Matcher matcher(hints);
  Question question{matcher, Order::OldestFirst, visit, {}};
  Follower follower(*this, question);
  if (auto started = follower.start(hints.from.has_value()); !started) return started;
  for (int polls = 0; keep_going(); ++polls) {
    auto go = follower.read_on();
    if (go && *go == Go::On && polls % kPollsPerListing == 0) go = follower.look_for_next();
    if (!go) return std::unexpected(go.error());
    if (*go == Go::Stop) return {};
    std::this_thread::sleep_for(kPollInterval);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<LogReader>> LogReader::open(const std::filesystem::path& directory,
                                                   const std::filesystem::path& identity) {
  Layout layout = Layout::of(directory);
  const auto segments = list_segments(real_disk(), layout);
  if (!segments && segments.error().code == Errc::NotFound) {
    return fail(Errc::NotFound,
                "there is no log in " + directory.string());
  }
  if (!segments) return std::unexpected(segments.error());
  return std::make_unique<FileLogReader>(std::move(layout), identity);
}

}  // namespace alibi::store
