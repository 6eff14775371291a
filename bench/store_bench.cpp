// What the store costs: records appended, bytes per record before and after
// packing, and a question over packed segments with and without filters.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/check.hpp"
#include "event/csv.hpp"
#include "store/layout.hpp"
#include "store/log_reader.hpp"
#include "store/log_writer.hpp"
#include "store/pack.hpp"
#include "store/segment_file.hpp"
#include "store/segment_head.hpp"
#include "workload.hpp"

namespace alibi::bench {
namespace {

class Scratch {
 public:
  Scratch() {
    std::string name = "/var/tmp/alibi_bench_XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path log() const { return path_ / "log"; }

 private:
  std::filesystem::path path_;
};

/// Numbers, encodes and writes, with the syncs a real log has.
void append(benchmark::State& state) {
  const Scratch scratch;
  auto writer = store::LogWriter::open(scratch.log(), "boot", {}).value();
  const auto records = Workload(1).take(20'000);
  const auto batch = static_cast<std::size_t>(state.range(0));
  std::size_t at = 0;
  std::int64_t written = 0;
  for (auto _ : state) {
    state.PauseTiming();
    if (at + batch > records.size()) at = 0;
    std::vector<event::Record> some(records.begin() + static_cast<std::ptrdiff_t>(at),
                                    records.begin() + static_cast<std::ptrdiff_t>(at + batch));
    at += batch;
    state.ResumeTiming();
    ALIBI_CHECK(writer->append(some));
    ALIBI_CHECK(writer->tick(boot_now()));
    written += static_cast<std::int64_t>(batch);
  }
  state.SetItemsProcessed(written);
}
BENCHMARK(append)->Arg(16)->Arg(256)->Arg(4096)->UseRealTime();

/// Finished segments of `per_segment` records. Returns the last process begun.
event::ProcessKey write_segments(const std::filesystem::path& log, int segments,
                                 std::size_t per_segment) {
  const store::Layout layout{log};
  std::filesystem::create_directories(layout.events());
  store::Numbering numbering;
  Workload workload(1);
  event::ProcessKey last;
  for (int i = 0; i <= segments; ++i) {
    auto records = workload.take(per_segment);
    const auto first_seq = numbering.last_seq() + 1;
    const auto head =
        store::make_head_text({}, "boot", records[0].boot, records[0].time, numbering);
    auto file =
        store::SegmentFile::create(store::real_disk(), layout, first_seq, head, {}, nullptr);
    ALIBI_CHECK(file);
    numbering.assign(records);
    std::string text;
    for (const auto& record : records)
      event::append_csv(text, record);
    ALIBI_CHECK(file->append(text, {}, records[0].boot) && file->sync());
    last = *records[records.size() / 2].process;
  }
  return last;
}

void pack(benchmark::State& state) {
  constexpr std::size_t kRecords = 200'000;
  double csv_bytes = 0;
  double packed_bytes = 0;
  double index_bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const Scratch scratch;
    (void)write_segments(scratch.log(), 1, kRecords);
    const store::Layout layout{scratch.log()};
    csv_bytes = static_cast<double>(std::filesystem::file_size(layout.csv(1)));
    const auto segments = store::list_segments(store::real_disk(), layout).value();
    state.ResumeTiming();
    ALIBI_CHECK(
        store::pack_segment(store::real_disk(), layout, 1, segments[1].first_seq, {}, false, {}));
    state.PauseTiming();
    packed_bytes = static_cast<double>(std::filesystem::file_size(layout.packed(1)));
    index_bytes = static_cast<double>(std::filesystem::file_size(layout.index(1)));
    state.ResumeTiming();
  }
  state.counters["csv_bytes_per_record"] = csv_bytes / kRecords;
  state.counters["packed_bytes_per_record"] = packed_bytes / kRecords;
  state.counters["index_bytes_per_record"] = index_bytes / kRecords;
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRecords));
}
BENCHMARK(pack)->Unit(benchmark::kMillisecond)->UseRealTime();

/// One process among 2 million records in 10 segments.
void question(benchmark::State& state) {
  static const Scratch scratch;
  static const event::ProcessKey asked = [] {
    const auto last = write_segments(scratch.log(), 10, 200'000);
    const store::Layout layout{scratch.log()};
    const auto segments = store::list_segments(store::real_disk(), layout).value();
    for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
      ALIBI_CHECK(store::pack_segment(store::real_disk(), layout, segments[i].first_seq,
                                      segments[i + 1].first_seq, {}, false, {}));
    }
    std::filesystem::remove(layout.csv(segments.back().first_seq));
    return last;
  }();
  const store::Layout layout{scratch.log()};
  const bool with_filters = state.range(0) != 0;
  if (!with_filters) {
    const auto segments = store::list_segments(store::real_disk(), layout).value();
    for (const auto& segment : segments)
      std::filesystem::remove(layout.index(segment.first_seq));
  }
  const store::Hints hints{.from = {}, .to = {}, .all_of = {"proc:" + to_text(asked)}};
  for (auto _ : state) {
    const auto reader = store::LogReader::open(scratch.log()).value();
    ALIBI_CHECK(reader->scan(hints, store::Order::NewestFirst,
                             [](const auto&) { return store::LogReader::Go::On; }));
  }
}
BENCHMARK(question)->Arg(1)->Arg(0)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace alibi::bench
