#include "store/log_writer.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "store/layout.hpp"
#include "store/log_fixture_test.hpp"

namespace alibi::store {
namespace {

using event::Kind;

TEST_F(LogTest, WrittenRecordsComeBackInOrder) {
  auto writer = open_writer();
  EXPECT_TRUE(writer->recovered().was_clean);
  EXPECT_EQ(writer->recovered().last_seq, 0U);
  auto records = make_records(100);
  ASSERT_TRUE(writer->append(records));
  EXPECT_EQ(records[0].seq, 2U);  // 1 is the segment record
  EXPECT_EQ(records[99].process_seq, 100U);
  ASSERT_TRUE(writer->close());

  const auto read = read_all();
  ASSERT_EQ(read.size(), 101U);
  expect_gapless(read);
  EXPECT_EQ(read[0].kind, Kind::Segment);
  EXPECT_EQ(read[0].find_extra("boot_id"), kBoot);
  EXPECT_EQ(read[100].args, records[99].args);
  EXPECT_EQ(writer->totals().records, 101U);
}

TEST_F(LogTest, NewestFirstIsTheReverse) {
  auto writer = open_writer();
  auto records = make_records(20'000);  // several chunks
  ASSERT_TRUE(writer->append(records));
  const auto forward = read_all();
  auto backward = read_all({}, Order::NewestFirst);
  std::ranges::reverse(backward);
  ASSERT_EQ(forward.size(), backward.size());
  for (std::size_t i = 0; i < forward.size(); ++i)
    ASSERT_EQ(forward[i].seq, backward[i].seq);
}

TEST_F(LogTest, FilesAreForTheOwnerOnly) {
  auto writer = open_writer();
  auto records = make_records(1);
  ASSERT_TRUE(writer->append(records));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(log())) {
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, entry.is_directory() ? 0700U : 0600U) << entry.path();
  }
}

TEST_F(LogTest, ASecondWriterIsRefusedAndToldThePid) {
  auto first = open_writer();
  const auto second = LogWriter::open(log(), kBoot, limits_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::Denied);
  EXPECT_THAT(second.error().message,
              testing::HasSubstr("process " + std::to_string(::getpid()) + " "));
  first.reset();
  EXPECT_TRUE(LogWriter::open(log(), kBoot, limits_));
}

TEST_F(LogTest, MissingParentIsNotCreated) {
  const auto writer = LogWriter::open(directory_ / "a" / "b", kBoot, limits_);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, Errc::NotFound);
}

TEST_F(LogTest, NumbersContinueInTheNextRun) {
  {
    auto writer = open_writer();
    auto records = make_records(3);
    records.push_back(make_record(Kind::RecorderStop, 42));
    ASSERT_TRUE(writer->append(records));
    ASSERT_TRUE(writer->close());
  }
  auto writer = open_writer();
  EXPECT_TRUE(writer->recovered().was_clean);
  EXPECT_EQ(writer->recovered().last_seq, 5U);
  std::vector<std::uint64_t> replayed;
  ASSERT_TRUE(writer->replay([&](const event::Record& record) { replayed.push_back(record.seq); }));
  EXPECT_EQ(replayed, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  auto more = make_records(2);
  ASSERT_TRUE(writer->append(more));
  EXPECT_EQ(more[0].seq, 6U);
  EXPECT_EQ(more[0].process_seq, 5U);
  expect_gapless(read_all());
}

TEST_F(LogTest, AnotherBootBeginsAnotherSegment) {
  {
    auto writer = open_writer();
    auto records = make_records(3);
    ASSERT_TRUE(writer->append(records));
    ASSERT_TRUE(writer->close());
  }
  auto writer = open_writer(kOtherBoot);
  EXPECT_EQ(writer->recovered().boot_id, kBoot);
  EXPECT_FALSE(writer->recovered().was_clean);
  ASSERT_TRUE(writer->replay([](const event::Record&) { FAIL(); }));
  auto more = make_records(1);
  ASSERT_TRUE(writer->append(more));
  EXPECT_EQ(more[0].process_seq, 1U);
  const auto read = read_all();
  expect_gapless(read);
  ASSERT_EQ(read.size(), 7U);
  EXPECT_EQ(read[4].kind, Kind::Segment);
  EXPECT_EQ(read[4].find_extra("boot_id"), kOtherBoot);
  EXPECT_EQ(read[5].kind, Kind::Recovery);
}

TEST_F(LogTest, RotationCarriesLiveProcesses) {
  limits_.segment_bytes = 20'000;
  auto writer = open_writer();
  writer->on_new_segment([&] {
    LogWriter::SegmentHead head;
    head.positions = {{"p0", "17"}};
    head.carried = {make_record(Kind::Process, 42)};
    head.carried[0].via = "carried";
    return head;
  });
  for (int i = 0; i < 20; ++i) {
    auto records = make_records(20, 42, static_cast<std::uint64_t>(i) * 20);
    ASSERT_TRUE(writer->append(records));
  }
  ASSERT_TRUE(writer->close());
  const auto read = read_all();
  expect_gapless(read);
  std::size_t segments = 0;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i].process_seq != 0) {
      EXPECT_EQ(read[i].process_seq, ++count);
    }
    if (read[i].kind != Kind::Segment) continue;
    ++segments;
    EXPECT_EQ(read[i].find_extra("p0"), "17");
    EXPECT_EQ(read[i + 1].via, "carried");
    EXPECT_EQ(read[i + 1].find_extra("records"), segments == 1 ? "" : std::to_string(count));
  }
  EXPECT_GT(segments, 3U);
  EXPECT_EQ(count, 400U);
}

TEST_F(LogTest, ExitCarriesTheFinalCount) {
  auto writer = open_writer();
  std::vector<event::Record> records = {make_record(Kind::Fork, 9), make_record(Kind::Exec, 9),
                                        make_record(Kind::Exit, 9)};
  ASSERT_TRUE(writer->append(records));
  EXPECT_EQ(records[2].find_extra("records"), "3");
  EXPECT_EQ(writer->forget(*records[2].process), 3U);
  EXPECT_EQ(writer->forget(*records[2].process), 0U);
}

}  // namespace
}  // namespace alibi::store
