#include "query/packet_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "packet/process_lookup.hpp"
#include "store/decrypted_segment.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {
namespace {

using packet::CaptureReader;
using Go = PacketLog::Go;

/// Packets of several CPUs, and clocks that are slewed, are out of the order of
/// time by far less than this.
constexpr std::int64_t kSlackNs = 60'000'000'000;

/// The packed form, where it is there, is complete.
std::filesystem::path file_of(const store::Layout& layout, const store::PacketFiles& segment) {
  return segment.has_packed ? layout.pcapng_packed(segment.first_packet)
                            : layout.pcapng(segment.first_packet);
}

/// A segment being read.
struct OpenSegment {
  std::uint64_t first_number = 0;
  std::filesystem::path file;
  std::unique_ptr<CaptureReader> reader;
  packet::ProcessLookup processes;
};

/// A file of an encrypted log, opened.
Result<std::unique_ptr<CaptureReader>> open_encrypted(const store::Layout& layout,
                                                      std::uint64_t number,
                                                      const std::filesystem::path& identity) {
  const auto opened = store::decrypt_segment(store::real_disk(), layout, store::SealStream::Packets,
                                             number, identity);
  if (!opened) return std::unexpected(opened.error());
  return CaptureReader::open(opened->path());
}

/// A file may be packed and removed between listing and opening.
Result<std::unique_ptr<CaptureReader>> open_segment(const store::Layout& layout,
                                                    const store::PacketFiles& segment,
                                                    const std::filesystem::path& identity) {
  if (!segment.has_packed) {
    auto reader =
        CaptureReader::open(layout.pcapng(segment.first_packet), CaptureReader::Source::Growing);
    if (reader || reader.error().code != Errc::NotFound) return reader;
  }
  auto reader = CaptureReader::open(layout.pcapng_packed(segment.first_packet));
  if (!reader && reader.error().code == Errc::NotFound && segment.has_encrypted &&
      !identity.empty())
    return open_encrypted(layout, segment.first_packet, identity);
  return reader;
}

bool is_device_error(const Error& error) {
  return error.code != Errc::Corrupt && error.code != Errc::NotFound &&
         error.code != Errc::Unsupported;
}

class SegmentedLog : public PacketLog {
 public:
  SegmentedLog(const std::filesystem::path& directory, std::filesystem::path identity)
      : layout_(store::Layout::of(directory)), identity_(std::move(identity)) {}
  SegmentedLog(std::filesystem::path file, std::unique_ptr<CaptureReader> reader)
      : layout_{}, single_(std::move(file)) {
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
    auto segments = list_packet_files(store::real_disk(), layout_);
    if (!segments) return std::unexpected(segments.error());
    if (!current_) {
      if (auto done = skip_until(range, *segments); !done) return std::unexpected(done.error());
    }
    for (const store::PacketFiles& segment : *segments) {
      if (current_ && segment.first_packet <= current_->first_number) continue;
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
  Status begin(const store::PacketFiles& segment) {
    current_.emplace();
    current_->first_number = segment.first_packet;
    current_->file = file_of(layout_, segment);
    auto reader = open_segment(layout_, segment, identity_);
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
  Status skip_until(const TimeRange& range, std::vector<store::PacketFiles>& segments) {
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

  Result<std::optional<WallNs>> first_time(const store::PacketFiles& segment) const {
    const auto reader = open_segment(layout_, segment, identity_);
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
    auto events = store::LogReader::open(layout_.directory, identity_);
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

  store::Layout layout_;
  std::filesystem::path identity_;
  std::filesystem::path single_;  ///< empty: the segments of layout_
  std::optional<OpenSegment> current_;
  bool is_over_ = false;  ///< all that follows is behind the range
  std::optional<bool> is_clock_steady_;
  std::vector<Error> damage_;
};

}  // namespace

Result<std::unique_ptr<PacketLog>> PacketLog::open(const std::filesystem::path& directory,
                                                   const std::filesystem::path& identity) {
  const auto segments = list_packet_files(store::real_disk(), store::Layout::of(directory));
  if (!segments) return std::unexpected(segments.error());
  if (segments->empty())
    return fail(Errc::NotFound, fmt::format("there is no packet log in {}", directory.string()));
  return std::make_unique<SegmentedLog>(directory, identity);
}

Result<std::unique_ptr<PacketLog>> PacketLog::open_live(const std::filesystem::path& directory,
                                                        const std::filesystem::path& identity) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error))
    return fail(Errc::NotFound, fmt::format("there is no directory {}", directory.string()));
  return std::make_unique<SegmentedLog>(directory, identity);
}

Result<std::unique_ptr<PacketLog>> PacketLog::open_file(const std::filesystem::path& file) {
  auto reader = CaptureReader::open(file);
  if (!reader) return std::unexpected(reader.error());
  return std::make_unique<SegmentedLog>(file, std::move(*reader));
}

}  // namespace alibi::query
