// What the sealer promises when the disk fails, or it dies, at any call.

#include "seal/seal_work.hpp"

#include <gmock/gmock.h>

#include "seal/seal_fixture_test.hpp"

namespace alibi::seal {
namespace {

using store::HookedDisk;
using store::PowerCutDisk;

TEST_F(SealTest, WhatIsRecordedIsSealed) {
  make_identity();
  ASSERT_TRUE(record(store::real_disk(), 20, false));
  const Found found = check(true);
  EXPECT_GT(found.count(LeafType::Block), 20U);
  EXPECT_EQ(found.count(LeafType::Start), 1U);
  EXPECT_EQ(found.count(LeafType::Stop), 1U);
  EXPECT_EQ(found.count(LeafType::Recovery), 0U);
  EXPECT_EQ(found.leaves.back().type, LeafType::Epoch);
}

TEST_F(SealTest, TheNextRecorderGoesOn) {
  make_identity();
  for (int run = 0; run < 5; ++run)
    ASSERT_TRUE(record(store::real_disk(), 3, false, run < 3 ? store::kBoot : store::kOtherBoot));
  const Found found = check(true);
  EXPECT_EQ(found.count(LeafType::Start), 5U);
  EXPECT_EQ(found.count(LeafType::Recovery), 0U);
}

TEST_F(SealTest, WhatADeadRecorderLeftIsAdopted) {
  make_identity();
  limits_.block_ms = 60'000;
  limits_.segment_bytes = 1U << 20;
  {
    DirectSealing sealing(store::real_disk(), layout(), store::kBoot, clock_);
    auto writer =
        store::LogWriter::open(log(), store::kBoot, limits_, store::real_disk(), &sealing);
    ASSERT_TRUE(writer);
    auto records = store::make_records(300, 42, 0);
    ASSERT_TRUE((*writer)->append(records));
    ASSERT_TRUE(sealing.work()->work());
  }  // dies: what was appended is in the file, and in no block
  ASSERT_TRUE(record(store::real_disk(), 2, false));
  const Found found = check(true);
  ASSERT_GE(found.count(LeafType::Recovery), 1U);
  const auto recovery = std::ranges::find(found.leaves, LeafType::Recovery, &Leaf::type);
  EXPECT_GT(recovery->number("adopted_bytes").value(), 1000U);
  EXPECT_EQ(*recovery->find("cause"), "recorder_died");
  EXPECT_EQ(std::next(recovery)->type, LeafType::Start);
  const auto is_adopted = [](const Leaf& leaf) {
    return leaf.find("adopted") && *leaf.find("adopted") == "recovery";
  };
  EXPECT_GE(std::ranges::count_if(found.leaves, is_adopted), 1);
}

// A verifier reads no further than the checkpoint: power may go between it and the file.
TEST_F(SealTest, NoFileGoesBeforeTheCheckpointTellsOfIt) {
  make_identity();
  ASSERT_TRUE(record(store::real_disk(), 3, false));
  DirectSealing sealing(store::real_disk(), layout(), store::kBoot, clock_);
  auto writer = store::LogWriter::open(log(), store::kBoot, limits_, store::real_disk(), &sealing);
  ASSERT_TRUE(writer);
  std::uint64_t told = 0;
  std::uint64_t covered = 0;
  sealing.work()->add(
      SealWork::Order{LeafType::Retention,
                      {{"stream", "events"}, {"first", "1"}, {"last", "1"}, {"rule", "bytes"}},
                      Stream::Events,
                      [&](const Result<std::uint64_t>& index) {
                        ASSERT_TRUE(index) << index.error().message;
                        told = *index;
                        const auto note = parse_note(store::file_text(layout().checkpoint()));
                        ASSERT_TRUE(note);
                        covered = Checkpoint::from_text(note->text).value().size;
                      }});
  ASSERT_TRUE(sealing.work()->work());
  EXPECT_GT(told, 0U);
  EXPECT_GT(covered, told);
}

TEST_F(SealTest, AnyFailingCallIsMadeUpFor) {
  for (const int with : {EIO, ENOSPC}) {
    for (const std::uint64_t count : {1U, 30U}) {
      std::uint64_t calls = 0;
      for (std::uint64_t from = 1; !HasFailure(); from += count == 1 ? 1 : 11) {
        SCOPED_TRACE("errno " + std::to_string(with) + ", calls " + std::to_string(from) + " to " +
                     std::to_string(from + count - 1));
        std::filesystem::remove_all(log());
        make_identity();
        HookedDisk disk;
        calls = 0;
        disk.before_call = [&](std::string_view) {
          const std::uint64_t call = ++calls;
          return call >= from && call < from + count ? with : 0;
        };
        const bool has_begun =
            record(disk, 4, false, store::kBoot, [&] { disk.before_call = nullptr; });
        disk.before_call = nullptr;
        if (calls < from) break;  // no call was left to fail
        if (has_begun) check(true);
        // And whatever it left, the next one goes on with.
        ASSERT_TRUE(record(store::real_disk(), 2, false));
        check(true);
      }
      EXPECT_GT(calls, 100U);
    }
  }
}

TEST_F(SealTest, DyingAtAnyCallTheNextOneGoesOn) {
  std::uint64_t calls = 0;
  for (std::uint64_t from = 1; !HasFailure(); ++from) {
    SCOPED_TRACE("dead from call " + std::to_string(from) + " on");
    std::filesystem::remove_all(log());
    make_identity();
    HookedDisk disk;
    calls = 0;
    disk.before_call = [&](std::string_view) { return ++calls >= from ? EIO : 0; };
    (void)record(disk, 5, true);
    if (calls < from) break;
    check(false);
    ASSERT_TRUE(record(store::real_disk(), 2, false)) << "after " << from;
    check(true);
  }
  EXPECT_GT(calls, 100U);
}

TEST_F(SealTest, APowerCutAtAnyCallLeavesNothingWrong) {
  for (const auto lost : {PowerCutDisk::Lost::Gone, PowerCutDisk::Lost::Zeros}) {
    std::uint64_t calls = 0;
    for (std::uint64_t from = 1; !HasFailure(); from += 2) {
      SCOPED_TRACE("power cut at call " + std::to_string(from));
      std::filesystem::remove_all(log());
      make_identity();
      PowerCutDisk disk;
      calls = 0;
      disk.before_call = [&](std::string_view) { return ++calls >= from ? EIO : 0; };
      (void)record(disk, 5, true);
      if (calls < from) break;
      disk.before_call = nullptr;
      disk.cut_power(lost);
      check(false);
      ASSERT_TRUE(record(store::real_disk(), 2, false, store::kOtherBoot));
      check(true);
    }
    EXPECT_GT(calls, 100U);
  }
}

TEST_F(SealTest, TornLeavesAreSetAside) {
  make_identity();
  ASSERT_TRUE(record(store::real_disk(), 3, true));
  const std::string whole = store::file_text(layout().leaves(0));
  const auto backup = directory_ / "backup";
  std::filesystem::copy(log(), backup, std::filesystem::copy_options::recursive);
  const std::string more = whole.substr(whole.rfind('\n', whole.size() - 2) + 1);
  for (std::size_t length = 1; length < more.size(); length += 7) {
    std::filesystem::remove_all(log());
    std::filesystem::copy(backup, log(), std::filesystem::copy_options::recursive);
    store::write_text(layout().leaves(0), whole + more.substr(0, length));
    ASSERT_TRUE(record(store::real_disk(), 1, false));
    const Found found = check(true);
    const auto recovery = std::ranges::find(found.leaves, LeafType::Recovery, &Leaf::type);
    ASSERT_NE(recovery, found.leaves.end());
    EXPECT_EQ(recovery->number("leaves_cut").value_or(0), length);
  }
}

TEST_F(SealTest, ALogThatWasSetBackIsRefused) {
  make_identity();
  ASSERT_TRUE(record(store::real_disk(), 2, false));
  const auto backup = directory_ / "backup";
  std::filesystem::copy(log(), backup, std::filesystem::copy_options::recursive);
  for (int run = 0; run < 3; ++run)
    ASSERT_TRUE(record(store::real_disk(), 2, false));
  // All but the key goes back to what it was.
  std::filesystem::copy(layout().epoch_key(), backup / "secret/epoch.key",
                        std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove_all(log());
  std::filesystem::rename(backup, log());
  DirectSealing sealing(store::real_disk(), layout(), store::kBoot, clock_);
  auto writer = store::LogWriter::open(log(), store::kBoot, limits_, store::real_disk(), &sealing);
  ASSERT_TRUE(writer) << "recording goes on";
  EXPECT_EQ((*writer)->sealing(), nullptr);
  auto more = store::make_records(5, 42, 1000);
  ASSERT_TRUE((*writer)->append(more));
  const auto records = read_all();
  const auto fault = std::ranges::find(records, event::Kind::Fault, &event::Record::kind);
  ASSERT_NE(fault, records.end());
  EXPECT_EQ(fault->result, "seal_failed");
  const auto opened = Chain::open(store::real_disk(), layout());
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, testing::HasSubstr("secret/epoch.key"));
}

TEST_F(SealTest, ABlockThatReadsBackDifferentlyIsNotSealed) {
  make_identity();
  DirectSealing sealing(store::real_disk(), layout(), store::kBoot, clock_);
  auto writer = store::LogWriter::open(log(), store::kBoot, limits_, store::real_disk(), &sealing);
  ASSERT_TRUE(writer);
  auto records = store::make_records(5, 42, 0);
  ASSERT_TRUE((*writer)->append(records));
  ASSERT_TRUE((*writer)->tick({boot_now().ns + 2'000'000'000}));
  const auto path = store::Layout{log()}.csv(1);
  const std::string right = store::file_text(path);
  std::string wrong = right;
  wrong[wrong.size() - 20] ^= 4;
  store::write_text(path, wrong);
  ASSERT_TRUE(sealing.work()->work());
  ASSERT_TRUE(sealing.work()->work());
  EXPECT_THAT(sealing.work()->state().fault, testing::HasSubstr("not those that were written"));
  EXPECT_EQ(sealing.work()->state().waiting, 1U);
  EXPECT_EQ(check(false).count(LeafType::Fault), 1U) << "told once";
  store::write_text(path, right);
  ASSERT_TRUE(sealing.work()->work());
  EXPECT_EQ(sealing.work()->state().fault, "");
  EXPECT_EQ(sealing.work()->state().waiting, 0U);
  ASSERT_TRUE((*writer)->close());
  ASSERT_TRUE(sealing.work()->finish("test"));
  check(true);
}

TEST_F(SealTest, ClockStepsSleepAndSilenceAreTold) {
  make_identity();
  std::int64_t boot = 1'000'000'000'000;
  std::int64_t offset = 1'795'000'000'000'000'000;
  std::int64_t slept = 0;
  clock_ = [&](clockid_t clock) {
    boot += 1000;
    return clock == CLOCK_REALTIME ? boot + offset : clock == CLOCK_MONOTONIC ? boot - slept : boot;
  };
  DirectSealing sealing(store::real_disk(), layout(), store::kBoot, clock_);
  auto writer = store::LogWriter::open(log(), store::kBoot, limits_, store::real_disk(), &sealing);
  ASSERT_TRUE(writer);
  const auto pass = [&](std::int64_t seconds) {
    for (std::int64_t i = 0; i < seconds; ++i) {
      boot += 1'000'000'000;
      ASSERT_TRUE(sealing.work()->work());
    }
  };
  pass(25);
  EXPECT_EQ(check(false).count(LeafType::Clock), 0U);
  EXPECT_EQ(check(false).count(LeafType::Epoch), 3U) << "at the start, and two of silence";
  offset -= 3'600'000'000'000;
  pass(11);
  EXPECT_EQ(check(false).count(LeafType::Clock), 1U);
  slept += 200'000'000'000;
  boot += 200'000'000'000;
  pass(11);
  const Found found = check(false);
  EXPECT_EQ(found.count(LeafType::Clock), 2U);
  EXPECT_EQ(found.count(LeafType::Fault), 0U);
  boot += 60'000'000'000;  // the process was stopped
  pass(11);
  EXPECT_EQ(check(false).count(LeafType::Fault), 1U);
}

}  // namespace
}  // namespace alibi::seal
