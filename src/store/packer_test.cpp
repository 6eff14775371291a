#include "store/packer.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <thread>

#include "event/csv.hpp"
#include "store/index_file.hpp"
#include "store/log_fixture_test.hpp"
#include "store/numbering.hpp"
#include "store/pack.hpp"
#include "store/segment_file.hpp"
#include "store/segment_head.hpp"

namespace alibi::store {
namespace {

using event::Kind;

bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

class PackerTest : public LogTest {
 protected:
  /// Segments of `per_segment` flow records, each of a process of its own, and
  /// one that has only begun. Not by a LogWriter, which would pack them.
  void write_segments(std::size_t count, std::size_t per_segment) {
    std::filesystem::create_directories(log() / "events");
    Numbering numbering;
    for (std::size_t i = 0; i <= count; ++i) {
      const auto first_seq = numbering.last_seq() + 1;
      const auto start = make_record(Kind::Segment, 1, i * per_segment);
      auto file = SegmentFile::create(real_disk(), layout(), first_seq,
                                      make_head_text({}, kBoot, start.boot, start.time, numbering),
                                      {}, nullptr);
      ASSERT_TRUE(file);
      if (i == count) break;
      auto records =
          make_records(per_segment, static_cast<std::uint32_t>(100 + i), i * per_segment);
      for (auto& record : records)
        record.remote->address.bytes[3] = static_cast<std::uint8_t>(i);
      numbering.assign(records);
      std::string text;
      for (const auto& record : records)
        event::append_csv(text, record);
      ASSERT_TRUE(file->append(text, limits_, start.boot));
      ASSERT_TRUE(file->sync());
    }
  }

  Layout layout() const { return {log()}; }

  std::vector<SegmentFiles> segments() const {
    return list_segments(real_disk(), layout()).value();
  }

  void pack_by_hand() {
    const auto all = segments();
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      if (all[i].has_packed) continue;
      const auto packed = pack_segment(real_disk(), layout(), all[i].first_seq,
                                       all[i + 1].first_seq, limits_, false, {});
      ASSERT_TRUE(packed) << packed.error().message;
    }
  }

  int shell(const std::string& command) const {
    return std::system(("cd '" + (log() / "events").string() + "' && " + command).c_str());
  }
};

TEST_F(PackerTest, PacksFinishedSegmentsInTheBackground) {
  limits_.segment_bytes = 1;
  auto writer = open_writer();
  auto records = make_records(50);
  ASSERT_TRUE(writer->append(records));
  ASSERT_TRUE(writer->append(records));
  ASSERT_TRUE(writer->tick(boot_now()));
  EXPECT_TRUE(comes_true([&] {
    const auto all = segments();
    return all.size() == 3 && all[0].has_packed && !all[0].has_csv && all[0].has_index &&
           all[1].has_packed;
  }));
  EXPECT_TRUE(segments()[2].has_csv);
  EXPECT_TRUE(comes_true(
      [&] { return writer->totals().segments == 3 && writer->totals().disk_bytes > 0; }));
  expect_gapless(read_all());
}

TEST_F(PackerTest, PackedTextIsTheSameAndStrangersReadIt) {
  write_segments(1, 9000);
  const std::string csv = file_text(layout().csv(1));
  pack_by_hand();
  ASSERT_FALSE(std::filesystem::exists(layout().csv(1)));
  if (std::system("command -v zstd python3 >/dev/null") != 0)
    GTEST_SKIP() << "zstd or python3 is not installed";
  EXPECT_EQ(shell("zstd -qt 0000000000000001.csv.zst"), 0);
  EXPECT_EQ(shell("zstdcat 0000000000000001.csv.zst > ../text"), 0);
  EXPECT_EQ(file_text(log() / "text"), csv);
  EXPECT_EQ(
      shell("test \"$(zstd -l 0000000000000001.csv.zst | awk 'NR==2{print ($1 >= 2)}')\" = 1"), 0)
      << "frames";
  EXPECT_EQ(shell("python3 -c '\n"
                  "import csv\n"
                  "rows = list(csv.DictReader(open(\"../text\", newline=\"\"), strict=True))\n"
                  "assert len(rows) == 9001, len(rows)\n"
                  "assert [int(r[\"seq\"]) for r in rows] == list(range(1, 9002))\n"
                  "assert rows[5][\"remote\"] == \"192.0.2.0:443\" and None not in rows[5]\n'"),
            0);
}

TEST_F(PackerTest, BlocksTileTheSegment) {
  limits_.block_lines = 100;
  write_segments(1, 1050);
  const std::string csv = file_text(layout().csv(1));
  pack_by_hand();
  auto packed = PackedFile::open(real_disk(), layout().packed(1));
  ASSERT_TRUE(packed);
  const auto map = packed->map_frames();
  ASSERT_TRUE(map);
  ASSERT_TRUE(map->blocks);
  EXPECT_EQ(map->blocks->size(), 12U);  // the head, ten full ones, the rest
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  for (const auto& block : *map->blocks) {
    bytes += block.bytes;
    lines += block.lines;
    ASSERT_EQ(csv[bytes - 1], '\n');
    EXPECT_LE(block.lines, 100U);
  }
  EXPECT_EQ(bytes, csv.size());
  EXPECT_EQ(lines, 1052U);
}

TEST_F(PackerTest, AnswersAreTheSameWithAndWithoutFilters) {
  write_segments(4, 3000);
  std::vector<std::string> asked = {
      "proc:101@7",        "pid:102",          "addr:192.0.2.3", "end:192.0.2.3:443", "base:curl",
      "exe:/usr/bin/curl", "name:example.org", "kind:segment",   "addr:192.0.2.77",   "name:none"};
  std::vector<std::size_t> plain;
  for (const auto& key : asked)
    plain.push_back(read_all({.all_of = {key}}).size());
  EXPECT_EQ(plain,
            (std::vector<std::size_t>{3000, 3000, 3000, 3000, 12000, 12000, 12000, 5, 0, 0}));
  pack_by_hand();
  for (const bool with_index : {true, false}) {
    for (std::size_t i = 0; i < asked.size(); ++i) {
      EXPECT_EQ(read_all({.all_of = {asked[i]}}).size(), plain[i]) << asked[i];
      EXPECT_EQ(read_all({.all_of = {asked[i]}}, Order::NewestFirst).size(), plain[i]) << asked[i];
    }
    EXPECT_EQ(read_all({.all_of = {"proc:101@7", "addr:192.0.2.1"}}).size(), 3000U);
    EXPECT_EQ(read_all({.all_of = {"proc:101@7", "addr:192.0.2.2"}}).size(), 0U);
    if (!with_index) break;
    for (const auto& segment : segments())
      std::filesystem::remove(layout().index(segment.first_seq));
  }
  for (const auto& segment : segments()) {
    if (!segment.has_packed) continue;
    ASSERT_TRUE(rebuild_index(real_disk(), layout(), segment.first_seq));
  }
  EXPECT_EQ(read_all({.all_of = {"proc:101@7"}}).size(), 3000U);
}

TEST_F(PackerTest, TimeRangeIsExact) {
  write_segments(2, 100);
  const auto first = make_record(Kind::FlowOpen, 1, 50).time;
  const auto last = make_record(Kind::FlowOpen, 1, 120).time;
  for (int round = 0; round < 2; ++round) {
    const auto read = read_all({.from = first, .to = last, .all_of = {"kind:flow_open"}});
    ASSERT_EQ(read.size(), 71U);
    EXPECT_EQ(read.front().source.number, 50U);
    EXPECT_EQ(read.back().source.number, 120U);
    pack_by_hand();
  }
}

TEST_F(PackerTest, ADamagedIndexHidesNothing) {
  write_segments(1, 300);
  pack_by_hand();
  const auto path = layout().index(1);
  const std::string good = file_text(path);
  for (std::size_t at = 0; at < good.size(); at += 1 + at / 40) {
    std::string bad = good;
    bad[at] = static_cast<char>(~bad[at]);
    write_text(path, bad);
    ASSERT_EQ(read_all({.all_of = {"proc:100@7"}}).size(), 300U) << at;
  }
  for (std::size_t length = 0; length < good.size(); length += 37) {
    write_text(path, good.substr(0, length));
    ASSERT_EQ(read_all({.all_of = {"proc:100@7"}}).size(), 300U) << length;
  }
}

TEST_F(PackerTest, ADamagedSegmentGivesTheRestAndSaysSo) {
  write_segments(1, 10'000);  // two frames
  pack_by_hand();
  const auto path = layout().packed(1);
  const std::string good = file_text(path);
  std::size_t most = 0;
  for (const bool with_index : {true, false}) {
    if (!with_index) std::filesystem::remove(layout().index(1));
    for (std::size_t at = 0; at < good.size(); at += good.size() / 60) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x10);
      write_text(path, bad);
      auto reader = LogReader::open(log());
      ASSERT_TRUE(reader);
      std::size_t count = 0;
      ASSERT_TRUE((*reader)->scan({}, Order::OldestFirst, [&](const BootRecord& entry) {
        EXPECT_TRUE(entry.record.kind != Kind::FlowOpen || entry.record.exe == "/usr/bin/curl");
        ++count;
        return LogReader::Go::On;
      }));
      // Only the index and the list of blocks can be hit without a loss.
      EXPECT_TRUE(!(*reader)->skipped().damage.empty() || count == 10'002) << at;
      EXPECT_GT(count, 3000U) << at;
      most = std::max(most, count);
    }
  }
  EXPECT_EQ(most, 10'002U);
}

TEST_F(PackerTest, KilledBetweenRenameAndRemoval) {
  write_segments(2, 50);
  const std::string csv = file_text(layout().csv(1));
  pack_by_hand();
  write_text(layout().csv(1), csv);
  write_text(log() / "events" / "0000000000000001.csv.zst.tmp", "half");
  auto writer = open_writer();
  EXPECT_FALSE(std::filesystem::exists(layout().csv(1)));
  EXPECT_FALSE(std::filesystem::exists(log() / "events" / "0000000000000001.csv.zst.tmp"));
  auto records = make_records(1);
  ASSERT_TRUE(writer->append(records));
  expect_gapless(read_all());
}

TEST_F(PackerTest, OverlapWithTheNextSegmentIsNotPacked) {
  write_segments(2, 10);
  // As a writer leaves it that could not cut lines back before it gave up the segment.
  std::string csv = file_text(layout().csv(1));
  const std::string next = file_text(layout().csv(12));
  csv += next.substr(next.find('\n') + 1);
  write_text(layout().csv(1), csv);
  expect_gapless(read_all());
  pack_by_hand();
  expect_gapless(read_all());
}

TEST_F(PackerTest, TornEndOfAFinishedSegmentIsKept) {
  write_segments(2, 10);
  write_text(layout().csv(1), file_text(layout().csv(1)) + "12,2026-torn");
  const auto result = pack_segment(real_disk(), layout(), 1, 12, limits_, false, {});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->torn.bytes, 12U);
  EXPECT_EQ(file_text(result->torn.kept_in), "12,2026-torn");
  expect_gapless(read_all());
}

TEST_F(PackerTest, TheLastNumberComesFromAPackedSegment) {
  write_segments(2, 10);
  pack_by_hand();
  for (const auto& segment : segments()) {
    if (segment.has_csv) std::filesystem::remove(layout().csv(segment.first_seq));
  }
  const std::uint64_t last = read_all().back().seq;
  auto writer = open_writer();
  EXPECT_EQ(writer->recovered().last_seq, last);
  auto records = make_records(1);
  ASSERT_TRUE(writer->append(records));
  expect_gapless(read_all());
}

TEST_F(PackerTest, BudgetDeletesTheOldestAndRecordsIt) {
  limits_.budget_bytes = 1000;
  limits_.segment_bytes = 1;
  limits_.block_ms = 10;
  auto writer = open_writer();
  std::vector<event::Record> found;
  for (int i = 0; i < 4; ++i) {
    auto records = make_records(500);
    ASSERT_TRUE(writer->append(records));
  }
  ASSERT_TRUE(comes_true([&] {
    EXPECT_TRUE(writer->tick(boot_now()));
    return segments().front().first_seq > 1;
  }));
  ASSERT_TRUE(comes_true([&] {
    EXPECT_TRUE(writer->tick(boot_now()));
    found = read_all({.all_of = {"kind:retention"}});
    return !found.empty();
  }));
  EXPECT_EQ(found[0].result, "bytes");
  EXPECT_EQ(found[0].find_extra("first_seq"), "1");
  EXPECT_EQ(found[0].find_extra("records"), found[0].find_extra("last_seq"));
  const auto rest = read_all();
  for (std::size_t i = 1; i < rest.size(); ++i)
    ASSERT_EQ(rest[i].seq, rest[i - 1].seq + 1);
}

TEST_F(PackerTest, OldSegmentsGoByDays) {
  write_segments(2, 10);
  pack_by_hand();
  limits_.budget_days = 30;
  const auto all = segments();
  const WallNs written = make_record(Kind::FlowOpen, 1).time;
  const auto after_days = [&](std::int64_t days) {
    return plan_retention(real_disk(), layout(), all, limits_,
                          {written.ns + days * 86'400'000'000'000});
  };
  EXPECT_TRUE(after_days(29).segments.empty());
  const auto plan = after_days(31);
  ASSERT_FALSE(plan.segments.empty());
  EXPECT_EQ(plan.segments[0], 1U);
  EXPECT_EQ(plan.rule, "days");
}

}  // namespace
}  // namespace alibi::store
