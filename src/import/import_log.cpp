#include "import/import_log.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <system_error>
#include <unordered_set>

#include "event/csv.hpp"
#include "import/evtx_file.hpp"
#include "import/host_log.hpp"
#include "import/json_event.hpp"
#include "import/line_reader.hpp"
#include "seal/bytes.hpp"
#include "seal/identity.hpp"
#include "seal/sealer.hpp"
#include "store/directory_lock.hpp"
#include "store/layout.hpp"
#include "store/log_reader.hpp"
#include "store/log_writer.hpp"
#include "store/memory_directory.hpp"
#include "store/sha256.hpp"

namespace alibi::import {
namespace {

using event::Kind;
using event::Record;

constexpr std::uint64_t kLinesPerReport = 2000;
constexpr std::size_t kRecordsPerWrite = 4096;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

class Reading {
 public:
  explicit Reading(const ImportQuestion& question) : question_(question) {}

  Status read_file(std::uint32_t index);
  Imported take_counts() { return std::move(counts_); }
  std::vector<HostLog> take_hosts();

 private:
  Status read_lines(const std::filesystem::path& file);
  void take(ForeignEvent&& event);
  EventSink sink();

  const ImportQuestion& question_;
  Imported counts_;
  std::uint32_t file_ = 0;
  std::map<std::string, HostLog> hosts_;
};

void Reading::take(ForeignEvent&& event) {
  ++counts_.events;
  counts_.recovered += event.is_recovered ? 1U : 0U;
  if (!question_.host.empty()) event.host = question_.host;
  auto draft = make_draft(event);
  if (!draft) {
    ++counts_.skipped[draft.error().message];
    return;
  }
  if (event.host.empty()) {
    ++counts_.skipped["events that name no host; give it with --host"];
    return;
  }
  if (draft->record.kind == Kind::Segment)
    ++counts_.skipped["Sysmon events of kinds that are not imported"];
  draft->file = file_;
  hosts_.try_emplace(lower(event.host), event.host).first->second.add(std::move(*draft));
}

EventSink Reading::sink() {
  return {.event = [this](ForeignEvent&& event) { take(std::move(event)); },
          .skipped = [this](std::string_view reason) { ++counts_.skipped[std::string(reason)]; }};
}

Status Reading::read_lines(const std::filesystem::path& file) {
  auto reader = LineReader::open(file);
  if (!reader) return std::unexpected(reader.error());
  std::error_code ignored;
  const std::uint64_t size = std::filesystem::file_size(file, ignored);
  const EventSink to = sink();
  const std::uint64_t events_before = counts_.events;
  for (std::uint64_t lines = 0;; ++lines) {
    if (lines % kLinesPerReport == 0 && question_.progress)
      question_.progress(file, (*reader)->bytes_read(), size);
    const auto line = (*reader)->next();
    if (!line && (counts_.events == events_before || line.error().code == Errc::Io))
      return std::unexpected(line.error());
    if (!line) counts_.damage.push_back(line.error().message);
    if (!line || !*line) break;
    if ((*line)->find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto event = parse_json_event(**line);
    if (event)
      to.event(std::move(*event));
    else
      to.skipped(event.error().message);
  }
  if (const auto count = (*reader)->lines_too_long(); count > 0)
    counts_.skipped["lines that are too long"] += count;
  if (counts_.events == events_before)
    return fail(Errc::Corrupt, file.string() +
                                   ": no events in it; expected is an EVTX file, or one JSON "
                                   "object on each line");
  return {};
}

Status Reading::read_file(std::uint32_t index) {
  file_ = index;
  const auto& file = question_.files[index];
  if (!is_evtx(file)) return read_lines(file);
  const auto progress = [&](std::uint64_t done, std::uint64_t all) {
    if (question_.progress) question_.progress(file, done, all);
  };
  const auto counts = read_evtx(file, sink(), progress);
  if (!counts) return std::unexpected(counts.error());
  return {};
}

std::vector<HostLog> Reading::take_hosts() {
  std::vector<HostLog> hosts;
  for (auto& [name, host] : hosts_)
    hosts.push_back(std::move(host));
  hosts_.clear();
  return hosts;
}

/// The record as it stands in the log, without its numbers, behind its boot.
std::string line_of(const std::string& boot_id, const Record& record) {
  Record plain = record;
  plain.seq = 0;
  plain.process_seq = 0;
  std::erase_if(plain.extra, [](const auto& pair) { return pair.first == "records"; });
  std::string line = boot_id + ",";
  event::append_csv(line, plain);
  return line;
}

/// Closed files of an encrypted log cannot be compared with: a record could come in twice.
Status require_readable(const ImportQuestion& question) {
  const auto layout = store::Layout::of(question.directory);
  if (!layout.is_encrypted() || !question.identity.empty()) return {};
  const auto segments = store::list_segments(store::real_disk(), layout);
  if (!segments) return std::unexpected(segments.error());
  const bool is_readable = std::ranges::all_of(*segments, [](const store::SegmentFiles& segment) {
    return segment.has_csv || segment.has_packed;
  });
  if (is_readable) return {};
  return fail(Errc::Denied,
              question.directory.string() +
                  " has encrypted records, so what it has of these hosts already cannot be told: "
                  "import into a new log, or where it may be opened with --identity FILE");
}

/// What imports before have written of these boots.
Result<std::unordered_set<std::string>> known_lines(const ImportQuestion& question,
                                                    const std::set<std::string>& boot_ids) {
  std::unordered_set<std::string> lines;
  if (auto readable = require_readable(question); !readable)
    return std::unexpected(readable.error());
  auto reader = store::LogReader::open(question.directory, question.identity);
  if (!reader && reader.error().code == Errc::NotFound) return lines;
  if (!reader) return std::unexpected(reader.error());
  const auto done =
      (*reader)->scan({}, store::Order::OldestFirst, [&](const store::BootRecord& entry) {
        if (boot_ids.contains(*entry.boot_id)) lines.insert(line_of(*entry.boot_id, entry.record));
        return store::LogReader::Go::On;
      });
  if (!done) return std::unexpected(done.error());
  const auto& damage = (*reader)->skipped().damage;
  if (store::Layout::of(question.directory).is_encrypted() && !damage.empty())
    return fail(Errc::Corrupt, damage.front().file.string() + ": " + damage.front().what);
  return lines;
}

Record own_record(Kind kind, std::int64_t at_ns, std::string result, event::Extra extra) {
  Record record;
  record.kind = kind;
  record.time = {at_ns};
  record.boot = {static_cast<std::uint64_t>(std::max<std::int64_t>(at_ns, 0))};
  record.result = std::move(result);
  record.extra = std::move(extra);
  return record;
}

/// As a recorder seals, but no third party is asked. Null: the log has no identity.
std::unique_ptr<seal::Sealer> make_sealer(const std::filesystem::path& directory) {
  if (!store::Layout{directory}.has_identity()) return nullptr;
  const auto executable = store::sha256_of_file(store::real_disk(), "/proc/self/exe");
  return std::make_unique<seal::Sealer>(
      seal::SealLayout::of(directory),
      seal::Session{.boot_id = seal::boot_id_now(),
                    .version = ALIBI_VERSION,
                    .recorder = executable ? seal::to_hex(*executable) : "",
                    .config = {},
                    .command = "import"},
      seal::MakeWitnessing{});
}

/// Where an encrypted log is not open: memory for what is written, until it is encrypted.
class Memory {
 public:
  static Result<Memory> mount(const std::filesystem::path& directory, std::uint64_t line_bytes) {
    Memory memory{store::Layout::of(directory)};
    if (store::require_memory(memory.layout_)) return memory;
    const auto lock = store::lock_directory(memory.layout_);
    if (!lock) return std::unexpected(lock.error());
    // Plain and packed.
    if (auto done = store::mount_memory(memory.layout_, kLeastMemoryBytes + 2 * line_bytes); !done)
      return std::unexpected(done.error());
    memory.is_own_ = true;
    return memory;
  }

  /// Everything is sealed and encrypted.
  Status unmount() const {
    if (!is_own_) return {};
    const auto lock = store::lock_directory(layout_);
    if (!lock) return std::unexpected(lock.error());
    return store::unmount_memory(layout_);
  }

 private:
  explicit Memory(store::Layout layout) : layout_(std::move(layout)) {}

  static constexpr std::uint64_t kLeastMemoryBytes = 64ULL << 20;

  store::Layout layout_;
  bool is_own_ = false;
};

class HostWriter {
 public:
  HostWriter(const ImportQuestion& question, const std::unordered_set<std::string>& known,
             std::string host)
      : question_(question), known_(known), host_(std::move(host)), boot_id_(boot_id_of(host_)) {}

  /// Writes what is new. Errors: as store::LogWriter.
  Result<ImportedHost> write(HostLog::Finished finished);

 private:
  Status write_all(std::vector<Record>& records, std::int64_t first_ns);
  Status write_sealed(std::vector<Record>& records, std::int64_t first_ns);

  const ImportQuestion& question_;
  const std::unordered_set<std::string>& known_;
  std::string host_;
  std::string boot_id_;
  std::uint64_t line_bytes_ = 0;
};

Result<ImportedHost> HostWriter::write(HostLog::Finished finished) {
  ImportedHost imported{.name = host_, .told_twice = std::move(finished.told_twice)};
  auto& records = finished.records;
  imported.known = std::erase_if(records, [&](const Record& record) {
    const std::string line = line_of(boot_id_, record);
    line_bytes_ += line.size();
    return known_.contains(line);
  });
  imported.records = records.size();
  if (records.empty()) return imported;
  imported.first_ns = records.front().time.ns;
  imported.last_ns = records.back().time.ns;
  std::string sources;
  for (const auto& file : question_.files)
    sources += (sources.empty() ? "" : ",") + file.filename().string();
  records.insert(records.begin(),
                 {own_record(Kind::RecorderStart, imported.first_ns, "imported",
                             {{"host", host_}, {"boot", boot_id_}, {"source", sources}}),
                  own_record(Kind::Clock, imported.first_ns, "sample", {{"offset_ns", "0"}})});
  records.push_back(own_record(Kind::RecorderStop, imported.last_ns, "imported",
                               {{"imported", std::to_string(imported.records)}}));
  if (auto done = write_all(records, imported.first_ns); !done)
    return std::unexpected(done.error());
  return imported;
}

Status HostWriter::write_all(std::vector<Record>& records, std::int64_t first_ns) {
  const auto memory = Memory::mount(question_.directory, line_bytes_);
  if (!memory) return std::unexpected(memory.error());
  if (auto done = write_sealed(records, first_ns); !done) return done;
  return memory->unmount();
}

Status HostWriter::write_sealed(std::vector<Record>& records, std::int64_t first_ns) {
  // Nothing is deleted to make room, and nobody waits for a full disk to be freed.
  const store::Limits limits{.budget_bytes = 0, .reserve_bytes = 0};
  const auto sealer = make_sealer(question_.directory);
  auto writer = store::LogWriter::open(question_.directory, boot_id_, limits, store::real_disk(),
                                       sealer.get());
  if (!writer) return std::unexpected(writer.error());
  if (sealer && !(*writer)->sealing())
    return fail(Errc::Io,
                "nothing is imported, because it cannot be sealed: " + sealer->state().fault);
  if (sealer) sealer->start();
  std::int64_t reached_ns = first_ns;
  (*writer)->on_new_segment([&] {
    return store::LogWriter::SegmentHead{.host = host_,
                                         .at = BootNs{static_cast<std::uint64_t>(reached_ns)}};
  });
  std::span<Record> rest(records);
  while (!rest.empty()) {
    const auto part = rest.first(std::min(rest.size(), kRecordsPerWrite));
    reached_ns = part.front().time.ns;
    if (auto done = (*writer)->append(part); !done) return done;
    rest = rest.subspan(part.size());
  }
  if (auto done = (*writer)->close(); !done) return done;
  (*writer)->pack_rest();
  return sealer ? sealer->stop("imported") : Status{};
}

}  // namespace

std::string boot_id_of(const std::string& host) {
  const std::string text = "imported host " + lower(host);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0F) | 0x80);  // RFC 9562, version 8
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3F) | 0x80);
  std::string id;
  for (std::size_t i = 0; i < 16; ++i) {
    constexpr std::string_view kHex = "0123456789abcdef";
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += kHex[digest[i] >> 4];
    id += kHex[digest[i] & 15];
  }
  return id;
}

Result<Imported> import_logs(const ImportQuestion& question) {
  Reading reading(question);
  for (std::uint32_t i = 0; i < question.files.size(); ++i) {
    if (auto done = reading.read_file(i); !done) return std::unexpected(done.error());
  }
  Imported imported = reading.take_counts();
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::absolute(question.directory).parent_path(),
                                      ignored);
  auto hosts = reading.take_hosts();
  std::set<std::string> boot_ids;
  for (const HostLog& host : hosts)
    boot_ids.insert(boot_id_of(host.host()));
  const auto known = known_lines(question, boot_ids);
  if (!known) return std::unexpected(known.error());
  for (HostLog& host : hosts) {
    auto finished = host.finish();
    for (const auto& [file, zone_s] : finished.zones_s) {
      if (zone_s != 0) imported.zones_s[question.files[file].string()] = zone_s;
    }
    auto written = HostWriter(question, *known, host.host()).write(std::move(finished));
    if (!written) return std::unexpected(written.error());
    imported.hosts.push_back(std::move(*written));
  }
  return imported;
}

}  // namespace alibi::import
