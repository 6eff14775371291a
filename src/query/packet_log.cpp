#include "query/packet_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "event/number.hpp"
#include "packet/process_lookup.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {
namespace {

using packet::CaptureReader;
using Go = PacketLog::Go;

constexpr std::string_view kGrowing = ".pcapng";
constexpr std::string_view kPacked = ".pcapng.zst";
/// Packets of several CPUs, and clocks that are slewed, are out of the order of
/// time by far less than this.
constexpr std::int64_t kSlackNs = 60'000'000'000;

std::filesystem::path folder_of(const std::filesystem::path& directory) {
  return directory / "packets";
}

std::optional<PacketSegment> segment_of(const std::filesystem::path& file) {
  const std::string name = file.filename();
  const std::string_view digits = std::string_view(name).substr(0, name.find('.'));
  const std::string_view rest = std::string_view(name).substr(digits.size());
  if (digits.size() != 20 || (rest != kGrowing && rest != kPacked)) return std::nullopt;
  const auto first = digits.find_first_not_of('0');
  const auto number =
      event::parse_number<std::uint64_t>(digits.substr(std::min<std::size_t>(first, 19)));
  if (!number) return std::nullopt;
  return PacketSegment{*number, file, rest == kGrowing};
}

/// A segment being read.
struct OpenSegment {
  std::uint64_t first_number = 0;
  std::filesystem::path file;
  std::unique_ptr<CaptureReader> reader;
  packet::ProcessLookup processes;
};

/// A file may be packed and removed between listing and opening.
Result<std::unique_ptr<CaptureReader>> open_segment(const PacketSegment& segment) {
  const auto kind =
      segment.is_growing ? CaptureReader::Source::Growing : CaptureReader::Source::Whole;
  auto reader = CaptureReader::open(segment.file, kind);
  if (reader || reader.error().code != Errc::NotFound || !segment.is_growing) return reader;
  return CaptureReader::open(segment.file.string() + ".zst", CaptureReader::Source::Whole);
}

bool is_device_error(const Error& error) {
  return error.code != Errc::Corrupt && error.code != Errc::NotFound &&
         error.code != Errc::Unsupported;
}

class SegmentedLog : public PacketLog {
 public:
  explicit SegmentedLog(std::filesystem::path directory) : directory_(std::move(directory)) {}
  SegmentedLog(std::filesystem::path file, std::unique_ptr<CaptureReader> reader)
      : single_(std::move(file)) {
    current_.emplace();
    current_->reader = std::move(reader);
  }

  Status scan(const TimeRange& range, Visit visit) override {
    const auto go = read_new(range, visit);
    if (!go) return std::unexpected(go.error());
    return {};
  }

  Result<Go> read_new(const TimeRange& range, Visit& visit) override {
    if (!single_.empty()) return read_current(range, visit);
    auto segments = list_packet_segments(directory_);
    if (!segments) return std::unexpected(segments.error());
    if (!current_) {
      if (auto done = skip_until(range, *segments); !done) return std::unexpected(done.error());
    }
    for (const PacketSegment& segment : *segments) {
      if (current_ && segment.first_number <= current_->first_number) continue;
      // What came to the file before its successor was there.
      const auto go = current_ ? read_current(range, visit) : Result<Go>(Go::On);
      if (!go || *go == Go::Stop || is_over_) return go;
      note_torn_end();
      if (auto done = begin(segment); !done) return std::unexpected(done.error());
    }
    return read_current(range, visit);
  }

  [[nodiscard]] const std::vector<Error>& damage() const override { return damage_; }

 private:
  Status begin(const PacketSegment& segment) {
    current_.emplace();
    current_->first_number = segment.first_number;
    current_->file = segment.file;
    auto reader = open_segment(segment);
    if (reader) {
      current_->reader = std::move(*reader);
      return {};
    }
    if (is_device_error(reader.error())) return std::unexpected(reader.error());
    // Gone: deleted by the disk budget since it was listed.
    if (reader.error().code != Errc::NotFound) damage_.push_back(reader.error());
    return {};
  }

  /// A segment that has a successor grows no more.
  void note_torn_end() {
    if (!current_ || !current_->reader || current_->reader->unread_bytes() == 0) return;
    damage_.push_back({Errc::Corrupt, 0,
                       fmt::format("{}: the last {} bytes are no whole block",
                                   current_->file.string(), current_->reader->unread_bytes())});
  }

  Result<Go> read_current(const TimeRange& range, Visit& visit) {
    while (current_ && current_->reader) {
      const auto next = current_->reader->next();
      if (!next) {
        if (is_device_error(next.error())) return std::unexpected(next.error());
        damage_.push_back(next.error());
        current_->reader.reset();
        return Go::On;
      }
      if (!*next) return Go::On;
      const packet::Packet& packet = **next;
      if (range.from && packet.time < *range.from) continue;
      if (range.to && packet.time > *range.to) {
        if (!is_far_behind(range, packet)) continue;
        is_over_ = true;
        return Go::On;
      }
      const auto& reader = *current_->reader;
      if (visit({packet, reader.interfaces()[packet.interface],
                 current_->processes.find(reader, packet), reader.names(),
                 current_->first_number}) == Go::Stop)
        return Go::Stop;
    }
    return Go::On;
  }

  /// Nothing earlier follows, unless somebody set the clock.
  bool is_far_behind(const TimeRange& range, const packet::Packet& packet) {
    return single_.empty() && packet.time.ns - range.to->ns > kSlackNs && is_clock_steady();
  }

  /// Drops the segments that end before `range`. Their names tell numbers, not
  /// times, so that the first packets of some are looked at.
  Status skip_until(const TimeRange& range, std::vector<PacketSegment>& segments) {
    if (!range.from || segments.size() < 2 || !is_clock_steady()) return {};
    const std::int64_t needed = range.from->ns - kSlackNs;
    std::size_t low = 0, high = segments.size();  // the last that begins before is at low
    while (high - low > 1) {
      const std::size_t middle = low + (high - low) / 2;
      const auto begins = first_time(segments[middle]);
      if (!begins) return std::unexpected(begins.error());
      if (!*begins) return {};  // unreadable: nothing is skipped by it
      ((*begins)->ns < needed ? low : high) = middle;
    }
    segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(low));
    return {};
  }

  static Result<std::optional<WallNs>> first_time(const PacketSegment& segment) {
    const auto reader = open_segment(segment);
    if (!reader && is_device_error(reader.error())) return std::unexpected(reader.error());
    if (!reader) return std::nullopt;
    const auto packet = (*reader)->next();
    if (!packet && is_device_error(packet.error())) return std::unexpected(packet.error());
    if (!packet || !*packet) return std::nullopt;
    return (*packet)->time;
  }

  /// The event log knows whether the wall clock ever went back or forth. Without
  /// it nothing is skipped.
  bool is_clock_steady() {
    if (!is_clock_steady_) is_clock_steady_ = asks_clock();
    return *is_clock_steady_;
  }

  bool asks_clock() {
    auto events = store::LogReader::open(directory_);
    if (!events) return false;
    bool has_records = false, has_step = false;
    const auto done = (*events)->scan(
        {.all_of = {"kind:clock"}}, store::Order::OldestFirst, [&](const store::BootRecord& entry) {
          if (entry.record.kind != event::Kind::Clock) return store::LogReader::Go::On;
          has_records = true;
          has_step = entry.record.result == "step";
          return has_step ? store::LogReader::Go::Stop : store::LogReader::Go::On;
        });
    return done && has_records && !has_step && (*events)->skipped().damage.empty();
  }

  std::filesystem::path directory_;
  std::filesystem::path single_;  ///< empty: the segments below directory_
  std::optional<OpenSegment> current_;
  bool is_over_ = false;  ///< all that follows is behind the range
  std::optional<bool> is_clock_steady_;
  std::vector<Error> damage_;
};

}  // namespace

Result<std::vector<PacketSegment>> list_packet_segments(const std::filesystem::path& directory) {
  std::error_code error;
  std::map<std::uint64_t, PacketSegment> segments;
  std::filesystem::directory_iterator entry(folder_of(directory), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    auto segment = segment_of(entry->path());
    if (!segment) continue;
    auto& known = segments[segment->first_number];
    if (known.file.empty() || known.is_growing) known = std::move(*segment);
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail_errno(error.value(), "read " + folder_of(directory).string());
  if (segments.empty())
    return fail(Errc::NotFound, fmt::format("there is no packet log in {}", directory.string()));
  std::vector<PacketSegment> list;
  for (auto& [number, segment] : segments)
    list.push_back(std::move(segment));
  return list;
}

Result<std::unique_ptr<PacketLog>> PacketLog::open(const std::filesystem::path& directory) {
  if (const auto segments = list_packet_segments(directory); !segments)
    return std::unexpected(segments.error());
  return std::make_unique<SegmentedLog>(directory);
}

Result<std::unique_ptr<PacketLog>> PacketLog::open_file(const std::filesystem::path& file) {
  auto reader = CaptureReader::open(file);
  if (!reader) return std::unexpected(reader.error());
  return std::make_unique<SegmentedLog>(file, std::move(*reader));
}

}  // namespace alibi::query
