#include "store/log_reader.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "store/layout.hpp"
#include "store/log_fixture_test.hpp"

namespace alibi::store {
namespace {

using event::Kind;
using Go = LogReader::Go;

TEST_F(LogTest, NoLogIsSaidPlainly) {
  const auto reader = LogReader::open(directory_ / "nothing");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Errc::NotFound);
  EXPECT_THAT(reader.error().message, testing::HasSubstr("there is no log in"));
}

TEST_F(LogTest, StopStops) {
  auto writer = open_writer();
  auto records = make_records(100);
  ASSERT_TRUE(writer->append(records));
  for (const Order order : {Order::OldestFirst, Order::NewestFirst}) {
    int seen = 0;
    auto reader = LogReader::open(log()).value();
    ASSERT_TRUE(reader->scan({}, order,
                             [&](const BootRecord&) { return ++seen == 7 ? Go::Stop : Go::On; }));
    EXPECT_EQ(seen, 7);
  }
}

TEST_F(LogTest, DamagedLinesOfAnOpenSegmentAreListed) {
  auto writer = open_writer();
  auto records = make_records(10);
  ASSERT_TRUE(writer->append(records));
  const auto path = Layout{log()}.csv(1);
  std::string csv = file_text(path);
  const auto at = csv.find("\n5,") + 1;
  csv[csv.find("flow_open", at)] = 'F';
  write_text(path, csv);
  auto reader = LogReader::open(log()).value();
  int seen = 0;
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(reader->scan({}, Order::OldestFirst, [&](const BootRecord&) {
      ++seen;
      return Go::On;
    }));
  }
  EXPECT_EQ(seen, 20);
  ASSERT_EQ(reader->skipped().damage.size(), 1U);
  EXPECT_EQ(reader->skipped().damage[0].offset, at);
  EXPECT_THAT(reader->skipped().damage[0].what, testing::HasSubstr("kind"));
}

TEST_F(LogTest, LifeAndProcessesNamedInExtra) {
  auto writer = open_writer();
  std::vector<event::Record> records = {make_record(Kind::Fork, 9), make_record(Kind::Exec, 9),
                                        make_record(Kind::FlowOpen, 9), make_record(Kind::Exit, 9),
                                        make_record(Kind::FlowClose, 10)};
  records[4].extra = {{"creator", "9@7"}, {"users", "11@7 12@7"}};
  records[1].name = "odd, \"name\"";
  ASSERT_TRUE(writer->append(records));
  EXPECT_EQ(read_all({.all_of = {"life:9@7"}}).size(), 3U);
  EXPECT_EQ(read_all({.all_of = {"proc:9@7"}}).size(), 5U);
  EXPECT_EQ(read_all({.all_of = {"proc:12@7"}}).size(), 1U);
  EXPECT_EQ(read_all({.all_of = {"proc:1@1"}}).size(), 3U);  // as a parent
  EXPECT_EQ(read_all({.all_of = {"pid:9"}}).size(), 4U);
  EXPECT_EQ(read_all({.all_of = {"pid:9", "kind:exit"}}).size(), 1U);
  EXPECT_EQ(read_all({.all_of = {"name:odd, \"name\""}}).size(), 1U);
  EXPECT_EQ(read_all({.all_of = {"no such key"}}).size(), 0U);
  EXPECT_EQ(read_all({.all_of = {""}}).size(), 0U);
}

TEST_F(LogTest, ReadingWhileWritingNeverShowsHalfALine) {
  limits_.segment_bytes = 400'000;
  auto writer = open_writer();
  auto first = make_records(1);
  ASSERT_TRUE(writer->append(first));
  std::atomic<bool> is_done = false;
  std::jthread reading([&] {
    while (!is_done) {
      for (const Order order : {Order::OldestFirst, Order::NewestFirst}) {
        auto reader = LogReader::open(log()).value();
        std::uint64_t last = 0;
        ASSERT_TRUE(reader->scan({}, order, [&](const BootRecord& entry) {
          if (last != 0) {
            EXPECT_EQ(entry.record.seq, order == Order::OldestFirst ? last + 1 : last - 1);
          }
          last = entry.record.seq;
          return Go::On;
        }));
        EXPECT_TRUE(reader->skipped().damage.empty()) << reader->skipped().damage[0].what;
      }
    }
  });
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto records = make_records(50, 42, i * 50);
    ASSERT_TRUE(writer->append(records));
  }
  is_done = true;
  reading.join();
  expect_gapless(read_all());
}

TEST_F(LogTest, FollowSeesEveryRecordOverRotations) {
  limits_.segment_bytes = 30'000;
  auto writer = open_writer();
  auto before = make_records(5);
  ASSERT_TRUE(writer->append(before));
  for (const bool from_the_past : {false, true}) {
    std::vector<std::uint64_t> seen;
    std::atomic<bool> is_following = false;
    std::atomic<std::uint64_t> want = UINT64_MAX;
    std::atomic<std::uint64_t> last = 0;
    std::jthread following([&] {
      auto reader = LogReader::open(log()).value();
      Hints hints;
      if (from_the_past) hints.from = WallNs{0};
      const auto done = reader->follow(
          hints,
          [&](const BootRecord& entry) {
            seen.push_back(entry.record.seq);
            last = entry.record.seq;
            return Go::On;
          },
          [&] {
            is_following = true;
            return last < want;
          });
      EXPECT_TRUE(done);
      EXPECT_TRUE(reader->skipped().damage.empty());
    });
    while (!is_following)
      std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const std::uint64_t known = from_the_past ? 0 : 6;
    std::uint64_t newest = 0;
    for (std::uint64_t i = 0; i < 40; ++i) {
      auto records = make_records(20, 42, i * 20);
      ASSERT_TRUE(writer->append(records));
      newest = records.back().seq;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    want = newest;
    following.join();
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.front(), known + 1);
    for (std::size_t i = 1; i < seen.size(); ++i)
      ASSERT_EQ(seen[i], seen[i - 1] + 1);
  }
}

}  // namespace
}  // namespace alibi::store
