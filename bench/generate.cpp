// generate DIRECTORY RECORDS: a year's log of RECORDS records in packed
// segments, as the recorder's store writes and packs them, only faster: no
// syncs in between. One process in the middle of it connects to
// 198.51.100.77:4444 (needle.example.net), and nobody else ever does.
// Prints that process.

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "event/csv.hpp"
#include "store/layout.hpp"
#include "store/numbering.hpp"
#include "store/pack.hpp"
#include "store/segment_file.hpp"
#include "store/segment_head.hpp"
#include "workload.hpp"

namespace alibi::bench {
namespace {

constexpr std::uint64_t kYearNs = 365ULL * 24 * 3600 * 1'000'000'000;
constexpr std::int64_t kDayNs = 24LL * 3600 * 1'000'000'000;

class Generator {
 public:
  Generator(const std::filesystem::path& directory, std::uint64_t records)
      : layout_{directory},
        wanted_(records),
        workload_(1, std::max<std::uint64_t>(kYearNs / records, 1000)) {
    std::filesystem::create_directories(layout_.events());
  }

  void run() {
    while (numbering_.last_seq() < wanted_)
      add(workload_.next_life());
    end_segment();
  }

  [[nodiscard]] std::string needle() const { return needle_ ? to_text(*needle_) : ""; }

 private:
  void add(std::vector<event::Record> life) {
    if (!needle_ && numbering_.last_seq() > wanted_ / 2) plant(life);
    if (!file_ || file_->bytes() + text_.size() > limits_.segment_bytes ||
        day_of(life[0]) != day_) {
      end_segment();
      begin_segment(life[0]);
    }
    numbering_.assign(life);
    for (const auto& record : life)
      event::append_csv(text_, record);
    last_boot_ = life.back().boot;
    for (const auto& record : life)
      if (record.kind == event::Kind::Exit) (void)numbering_.forget(*record.process);
    if (text_.size() > (1U << 20)) flush();
  }

  void plant(std::vector<event::Record>& life) {
    for (auto& record : life) {
      if (record.name.ends_with(".example.org")) record.name = "needle.example.net";
      if (record.kind != event::Kind::FlowClose) continue;
      record.remote = event::parse_endpoint("198.51.100.77:4444");
      needle_ = record.process;
    }
  }

  static std::int64_t day_of(const event::Record& record) { return record.time.ns / kDayNs; }

  void begin_segment(const event::Record& first) {
    day_ = day_of(first);
    first_seq_ = numbering_.last_seq() + 1;
    const auto head = store::make_head_text({}, "bench", first.boot, first.time, numbering_);
    file_ = store::SegmentFile::create(store::real_disk(), layout_, first_seq_, head, {}, nullptr)
                .value();
  }

  void flush() {
    ALIBI_CHECK(file_->append(text_, limits_, last_boot_));
    text_.clear();
  }

  void end_segment() {
    if (!file_) return;
    flush();
    ALIBI_CHECK(file_->sync());
    file_.reset();
    ALIBI_CHECK(store::pack_segment(store::real_disk(), layout_, first_seq_,
                                    numbering_.last_seq() + 1, limits_, false, {}));
  }

  store::Layout layout_;
  store::Limits limits_;
  std::uint64_t wanted_;
  Workload workload_;
  store::Numbering numbering_;
  std::optional<store::SegmentFile> file_;
  std::string text_;
  BootNs last_boot_;
  std::uint64_t first_seq_ = 0;
  std::int64_t day_ = 0;
  std::optional<event::ProcessKey> needle_;
};

}  // namespace
}  // namespace alibi::bench

int main(int argc, char** argv) {
  const std::string_view count = argc == 3 ? argv[2] : "";
  std::uint64_t records = 0;
  std::from_chars(count.data(), count.data() + count.size(), records);
  if (records == 0) {
    fmt::print(stderr, "usage: generate DIRECTORY RECORDS\n");
    return 2;
  }
  alibi::bench::Generator generator(argv[1], records);
  generator.run();
  fmt::print("{}\n", generator.needle());
  return 0;
}
