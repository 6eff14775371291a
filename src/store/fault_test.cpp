// What the log promises when the disk or the power fails, at every point where
// it can fail. docs/log-format.md section 4.

#include <gmock/gmock.h>

#include <algorithm>

#include "store/faulty_disk_test.hpp"
#include "store/layout.hpp"
#include "store/log_fixture_test.hpp"

namespace alibi::store {
namespace {

using event::Kind;

constexpr std::uint64_t kBatch = 5;

class FaultTest : public LogTest {
 protected:
  FaultTest() {
    limits_.segment_bytes = 12'000;
    limits_.reserve_bytes = 1U << 20;
  }

  /// Writes batches through `disk`; each record has a number of its own in
  /// `source`. Returns the numbers that append accepted. `heal` is called when
  /// all batches are through.
  std::vector<std::uint64_t> write_batches(Disk& disk, std::uint64_t batches,
                                           const std::function<void()>& heal = {}) {
    std::vector<std::uint64_t> accepted;
    auto writer = LogWriter::open(log(), kBoot, limits_, disk);
    if (!writer) return accepted;
    for (std::uint64_t batch = 0; batch < batches; ++batch) {
      auto records = make_records(kBatch, 42, batch * kBatch);
      if ((*writer)->append(records)) {
        for (const auto& record : records)
          accepted.push_back(record.source.number);
      }
      later_ += 2'000'000'000;  // past every deadline
      if ((*writer)->tick({boot_now().ns + later_})) durable_ = accepted.size();
    }
    if (heal) heal();
    later_ += 20'000'000'000;
    (void)(*writer)->tick({boot_now().ns + later_});
    (void)(*writer)->close();
    refused_ = (*writer)->totals().refused;
    return accepted;
  }

  struct Found {
    std::vector<std::uint64_t> numbers;  ///< of the records of write_batches
    std::uint64_t lost = 0;              ///< as the loss records count
  };
  Found find_all() {
    Found found;
    const auto records = read_all();
    expect_gapless(records);
    for (const auto& record : records) {
      if (record.kind == Kind::FlowOpen) found.numbers.push_back(record.source.number);
      if (record.kind == Kind::Loss)
        found.lost += std::stoull(std::string(record.find_extra("count")));
    }
    return found;
  }

  void start_over() { std::filesystem::remove_all(log()); }

  std::uint64_t later_ = 0;
  std::uint64_t refused_ = 0;
  std::size_t durable_ = 0;  ///< how many of the accepted a sync has covered
};

/// Fails calls `from` to `from + count - 1`.
void fail_calls(HookedDisk& disk, std::uint64_t& calls, std::uint64_t from, std::uint64_t count,
                int with) {
  calls = 0;
  disk.before_call = [&calls, from, count, with](std::string_view) {
    const std::uint64_t call = ++calls;
    return call >= from && call < from + count ? with : 0;
  };
}

class AnyFailingCall : public FaultTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(AnyFailingCall, LosesNothingInSilence) {
  may_have_torn_ends_ = true;  // where cutting back a refused line failed as well
  limits_.segment_seconds = GetParam();
  for (const int with : {EIO, ENOSPC}) {
    for (const std::uint64_t count : {1U, 3U, 40U}) {
      std::uint64_t calls = 0;
      for (std::uint64_t from = 1; !HasFailure(); ++from) {
        start_over();
        HookedDisk disk;
        fail_calls(disk, calls, from, count, with);
        const auto accepted = write_batches(disk, 30, [&] { disk.before_call = nullptr; });
        if (calls < from) break;         // no call was left to fail
        if (accepted.empty()) continue;  // could not begin, and said so
        SCOPED_TRACE("errno " + std::to_string(with) + ", calls " + std::to_string(from) + " to " +
                     std::to_string(from + count - 1));
        const Found found = find_all();
        EXPECT_EQ(found.numbers, accepted);
        EXPECT_EQ(found.lost, refused_);
        EXPECT_EQ(accepted.size() + refused_, 30 * kBatch);
      }
      EXPECT_GT(calls, 100U);
    }
  }
}

// By size segments end in the middle of an append, by age in a tick.
INSTANTIATE_TEST_SUITE_P(SegmentSeconds, AnyFailingCall, testing::Values(3600, 7));

TEST_F(FaultTest, ADiskThatStaysFullIsReportedOnceThereIsRoom) {
  HookedDisk disk;
  bool is_full = false;
  disk.before_call = [&](std::string_view call) {
    return is_full && (call == "write" || call == "allocate") ? ENOSPC : 0;
  };
  auto writer = LogWriter::open(log(), kBoot, limits_, disk);
  ASSERT_TRUE(writer);
  auto records = make_records(kBatch);
  ASSERT_TRUE((*writer)->append(records));
  is_full = true;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    auto more = make_records(kBatch, 42, i * kBatch);
    const auto refused = (*writer)->append(more);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::Io);
    EXPECT_EQ(more[0].seq, 0U);
  }
  EXPECT_EQ((*writer)->totals().refused, 50U);
  EXPECT_THAT((*writer)->totals().fault, testing::StartsWith("disk_full: "));
  is_full = false;
  ASSERT_TRUE((*writer)->tick({boot_now().ns + 2'000'000'000}));
  EXPECT_EQ((*writer)->totals().fault, "");
  auto last = make_records(1, 42, 999);
  ASSERT_TRUE((*writer)->append(last));
  EXPECT_EQ(last[0].process_seq, kBatch + 1);  // refused ones used no number
  const auto read = read_all();
  expect_gapless(read);
  const auto loss = std::ranges::find(read, Kind::Loss, &event::Record::kind);
  ASSERT_NE(loss, read.end());
  EXPECT_EQ(loss->result, "disk_full");
  EXPECT_EQ(loss->find_extra("count"), "50");
  EXPECT_EQ(loss->find_extra("from_ns"),
            std::to_string(make_record(Kind::FlowOpen, 42, kBatch).boot.ns));
  EXPECT_EQ(loss->seq, records.back().seq + 1) << "the loss comes first";
}

TEST_F(FaultTest, AFailedSyncIsNotRetriedOnTheSameFile) {
  HookedDisk disk;
  auto writer = LogWriter::open(log(), kBoot, limits_, disk);
  ASSERT_TRUE(writer);
  auto records = make_records(kBatch);
  ASSERT_TRUE((*writer)->append(records));
  ASSERT_TRUE((*writer)->tick({boot_now().ns + 2'000'000'000}));
  auto more = make_records(kBatch, 42, kBatch);
  ASSERT_TRUE((*writer)->append(more));
  int syncs = 0;
  disk.before_call = [&](std::string_view call) {
    return call == "sync_data" && ++syncs == 1 ? EIO : 0;
  };
  ASSERT_TRUE((*writer)->tick({boot_now().ns + 4'000'000'000}));
  ASSERT_TRUE((*writer)->tick({boot_now().ns + 6'000'000'000}));
  ASSERT_TRUE((*writer)->close());
  const auto segments = list_segments(real_disk(), {log()});
  ASSERT_TRUE(segments);
  EXPECT_EQ(segments->size(), 2U);
  const auto read = read_all();
  expect_gapless(read);
  EXPECT_EQ(std::ranges::count(read, Kind::FlowOpen, &event::Record::kind), 2 * kBatch);
  const auto fault = std::ranges::find(read, Kind::Fault, &event::Record::kind);
  ASSERT_NE(fault, read.end());
  EXPECT_EQ(fault->result, "sync_failed");
}

TEST_F(FaultTest, APowerCutAtAnyCallKeepsWhatWasSynced) {
  for (const auto lost : {PowerCutDisk::Lost::Gone, PowerCutDisk::Lost::Zeros}) {
    std::uint64_t calls = 0;
    for (std::uint64_t from = 1; !HasFailure(); ++from) {
      start_over();
      PowerCutDisk disk;
      durable_ = 0;
      fail_calls(disk, calls, from, UINT64_MAX / 2, EIO);
      auto accepted = write_batches(disk, 12);
      if (calls < from) break;
      disk.before_call = nullptr;
      disk.cut_power(lost);
      SCOPED_TRACE("power cut at call " + std::to_string(from));
      auto writer = LogWriter::open(log(), kOtherBoot, limits_);
      ASSERT_TRUE(writer) << writer.error().message;
      auto records = make_records(1, 7, 100'000);
      ASSERT_TRUE((*writer)->append(records));
      const Found found = find_all();
      ASSERT_GE(found.numbers.size(), durable_ + 1);
      accepted.resize(std::min(accepted.size(), found.numbers.size() - 1));
      accepted.push_back(100'000);
      EXPECT_EQ(found.numbers, accepted);
    }
    EXPECT_GT(calls, 40U);
  }
}

TEST_F(FaultTest, CutAtEveryByteTheWholeLinesSurvive) {
  limits_.segment_bytes = 1U << 20;
  ASSERT_EQ(write_batches(real_disk(), 2).size(), 2 * kBatch);
  const auto path = Layout{log()}.csv(1);
  const std::string csv = file_text(path);
  const std::string blocks = file_text(Layout{log()}.blocks(1));
  for (std::size_t length = 0; length <= csv.size() && !HasFailure(); ++length) {
    SCOPED_TRACE("cut at byte " + std::to_string(length));
    start_over();
    std::filesystem::create_directories(log() / "events");
    write_text(path, csv.substr(0, length) + std::string(length % 3 == 0 ? 100 : 0, '\0'));
    write_text(Layout{log()}.blocks(1), blocks);
    const auto lines = static_cast<std::uint64_t>(
        std::count(csv.begin(), csv.begin() + static_cast<std::ptrdiff_t>(length), '\n'));
    const std::uint64_t whole = lines == 0 ? 0 : lines - 1;  // but for the header line
    auto writer = open_writer();
    ASSERT_TRUE(writer);
    EXPECT_EQ(writer->recovered().last_seq, whole);
    const std::string& torn =
        writer->recovered().torn_file.empty() ? "" : file_text(writer->recovered().torn_file);
    EXPECT_EQ(torn.size(), writer->recovered().torn_bytes);
    auto records = make_records(1, 7, 100'000);
    ASSERT_TRUE(writer->append(records));
    ASSERT_TRUE(writer->close());
    const auto read = read_all();
    expect_gapless(read);
    EXPECT_EQ(read.back().source.number, 100'000U);
    const bool is_clean_cut = length % 3 != 0 && csv[length - 1] == '\n';
    EXPECT_EQ(torn.empty(), is_clean_cut);
  }
}

TEST_F(FaultTest, AnUnfinishedSegmentOfAnotherFormatIsLeftAlone) {
  std::filesystem::create_directories(log() / "events");
  write_text(Layout{log()}.csv(1), "number,when,what\n1,now,nothing\n");
  const auto writer = LogWriter::open(log(), kBoot, limits_);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, Errc::Corrupt);
  EXPECT_EQ(file_text(Layout{log()}.csv(1)), "number,when,what\n1,now,nothing\n");
}

}  // namespace
}  // namespace alibi::store
