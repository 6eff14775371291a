#include "import/evtx_file.hpp"

#include <fcntl.h>
#include <libevtx.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <unordered_set>

#include "base/unique_fd.hpp"
#include "import/event_xml.hpp"

namespace alibi::import {
namespace {

/// Larger records do not occur: a chunk of the file is 64 KiB, and its XML form
/// some times that.
constexpr std::size_t kMaxXmlBytes = 8U << 20;
constexpr int kRecordsPerReport = 1000;

class EvtxError {
 public:
  ~EvtxError() { clear(); }
  EvtxError() = default;
  EvtxError(const EvtxError&) = delete;
  EvtxError& operator=(const EvtxError&) = delete;
  /// For a library call; what the call before left is forgotten.
  libevtx_error_t** slot() {
    clear();
    return &error_;
  }
  [[nodiscard]] std::string text() const {
    std::array<char, 512> line{};
    if (!error_ || libevtx_error_sprint(error_, line.data(), line.size()) < 0) return "unknown";
    return line.data();
  }

 private:
  void clear() {
    if (error_) libevtx_error_free(&error_);
  }
  libevtx_error_t* error_ = nullptr;
};

struct FreeFile {
  void operator()(libevtx_file_t* file) const {
    (void)libevtx_file_close(file, nullptr);
    (void)libevtx_file_free(&file, nullptr);
  }
};

struct FreeRecord {
  void operator()(libevtx_record_t* record) const { (void)libevtx_record_free(&record, nullptr); }
};

using Record = std::unique_ptr<libevtx_record_t, FreeRecord>;

class Evtx {
 public:
  Evtx(std::unique_ptr<libevtx_file_t, FreeFile> file, const EventSink& sink)
      : file_(std::move(file)), sink_(sink) {}

  template <typename Progress>
  EvtxCounts read_all(const Progress& progress);

 private:
  void take(int index, bool is_recovered);
  bool read_xml(libevtx_record_t& record);

  std::unique_ptr<libevtx_file_t, FreeFile> file_;
  const EventSink& sink_;
  std::string xml_;
  std::unordered_set<std::string> seen_;  ///< record numbers of the intact part
};

bool Evtx::read_xml(libevtx_record_t& record) {
  std::size_t size = 0;
  if (libevtx_record_get_utf8_xml_string_size(&record, &size, nullptr) != 1) return false;
  if (size == 0 || size > kMaxXmlBytes) return false;
  xml_.assign(size, '\0');
  auto* bytes = reinterpret_cast<std::uint8_t*>(xml_.data());
  if (libevtx_record_get_utf8_xml_string(&record, bytes, size, nullptr) != 1) return false;
  xml_.resize(xml_.find('\0'));  // `size` counts the zero byte at the end
  return true;
}

void Evtx::take(int index, bool is_recovered) {
  libevtx_record_t* raw = nullptr;
  const int got =
      is_recovered ? libevtx_file_get_recovered_record_by_index(file_.get(), index, &raw, nullptr)
                   : libevtx_file_get_record_by_index(file_.get(), index, &raw, nullptr);
  const Record record(raw);
  if (got != 1) return sink_.skipped("the record cannot be read");
  if (!read_xml(*record)) return sink_.skipped("the record has no readable content");
  auto event = parse_event_xml(xml_);
  if (!event) return sink_.skipped(event.error().message);
  event->is_recovered = is_recovered;
  if (!is_recovered) {
    seen_.insert(event->record);
  } else if (!seen_.insert(event->record).second) {
    return sink_.skipped("the recovered record is there in whole too");
  }
  sink_.event(std::move(*event));
}

template <typename Progress>
EvtxCounts Evtx::read_all(const Progress& progress) {
  int records = 0;
  int recovered = 0;
  if (libevtx_file_get_number_of_records(file_.get(), &records, nullptr) != 1) records = 0;
  if (libevtx_file_get_number_of_recovered_records(file_.get(), &recovered, nullptr) != 1)
    recovered = 0;
  for (int i = 0; i < records; ++i) {
    if (i % kRecordsPerReport == 0)
      progress(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(records));
    take(i, false);
  }
  for (int i = 0; i < recovered; ++i)
    take(i, true);
  return {static_cast<std::uint64_t>(records), static_cast<std::uint64_t>(recovered)};
}

}  // namespace

bool is_evtx(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 8> head{};
  return fd.is_open() &&
         ::read(fd.get(), head.data(), head.size()) == static_cast<ssize_t>(head.size()) &&
         std::string_view(head.data(), head.size()) == std::string_view("ElfFile\0", 8);
}

Result<EvtxCounts> read_evtx(const std::filesystem::path& file, const EventSink& sink,
                             const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  EvtxError error;
  libevtx_file_t* raw = nullptr;
  if (libevtx_file_initialize(&raw, error.slot()) != 1)
    return fail(Errc::Internal, "libevtx does not start: " + error.text());
  std::unique_ptr<libevtx_file_t, FreeFile> handle(raw);
  if (libevtx_file_open(raw, file.c_str(), libevtx_get_access_flags_read(), error.slot()) != 1)
    return fail(Errc::Corrupt, file.string() + ": libevtx cannot open it: " + error.text());
  return Evtx(std::move(handle), sink).read_all(progress);
}

}  // namespace alibi::import
