#include "store/packet_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "packet/capture_reader.hpp"
#include "store/packet_pack.hpp"

namespace alibi::store {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class PacketWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) /
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  Layout layout() const { return {directory_}; }

  /// `count` packets of one process; the first byte of each is its place here.
  static PacketBatch batch(std::size_t count, std::uint32_t pid = 7) {
    PacketBatch made;
    auto info = std::make_shared<packet::ProcessInfo>();
    info->pid = pid;
    info->name = "program";
    info->start_ns = 5;
    made.processes.emplace_back(event::ProcessKey{1, pid}, info);
    for (std::size_t i = 0; i < count; ++i) {
      PacketBatch::Entry entry;
      entry.time = WallNs{static_cast<std::int64_t>(1000 + i)};
      entry.device = {10, 1};
      entry.direction = packet::Direction::Out;
      entry.original_bytes = 100;
      entry.offset = static_cast<std::uint32_t>(made.bytes.size());
      entry.bytes = 40;
      entry.owner = 0;
      entry.grade = event::Grade::Proven;
      made.bytes.insert(made.bytes.end(), 40, static_cast<std::byte>(i));
      made.packets.push_back(entry);
    }
    return made;
  }

  std::unique_ptr<PacketWriter> open(Limits limits = {}) {
    auto writer = PacketWriter::open(layout(), limits);
    EXPECT_TRUE(writer) << writer.error().message;
    return std::move(*writer);
  }

  /// Numbers of all packets of a file.
  static std::vector<std::uint64_t> numbers(const fs::path& file) {
    auto reader = packet::CaptureReader::open(file);
    EXPECT_TRUE(reader) << file;
    std::vector<std::uint64_t> found;
    while (reader) {
      const auto next = (*reader)->next();
      EXPECT_TRUE(next) << next.error().message;
      if (!next || !*next) break;
      EXPECT_EQ((*next)->pid, 7U);
      found.push_back((*next)->id.value_or(0));
    }
    return found;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(layout().packets()))
      found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
  }

  fs::path directory_;
};

TEST_F(PacketWriterTest, NumbersGoOnInANewFile) {
  {
    auto writer = open();
    ASSERT_TRUE(writer->append(batch(3)));
    ASSERT_TRUE(writer->close());
  }
  auto writer = open();
  EXPECT_TRUE(writer->recovery_note().empty());
  ASSERT_TRUE(writer->append(batch(2)));
  EXPECT_EQ(writer->totals().packets, 2U);
  EXPECT_THAT(numbers(layout().pcapng(1)), ElementsAre(1, 2, 3));
  EXPECT_THAT(numbers(layout().pcapng(4)), ElementsAre(4, 5));
}

TEST_F(PacketWriterTest, TornTailIsSetAside) {
  {
    auto writer = open();
    ASSERT_TRUE(writer->append(batch(3)));
  }
  const auto file = layout().pcapng(1);
  fs::resize_file(file, fs::file_size(file) - 5);
  auto writer = open();
  ASSERT_TRUE(writer->append(batch(1)));
  EXPECT_THAT(numbers(file), ElementsAre(1, 2));
  EXPECT_THAT(numbers(layout().pcapng(3)), ElementsAre(3));
  const auto& note = writer->recovery_note();
  EXPECT_TRUE(std::ranges::find(note, std::pair<std::string, std::string>("last_packet", "2")) !=
              note.end());
  EXPECT_FALSE(fs::is_empty(layout().quarantine()));
}

TEST_F(PacketWriterTest, AFileOfGarbageLosesNoNumber) {
  fs::create_directories(layout().packets());
  std::ofstream(layout().pcapng(41)) << "no blocks at all";
  auto writer = open();
  ASSERT_TRUE(writer->append(batch(1)));
  EXPECT_THAT(numbers(layout().pcapng(41)), ElementsAre(41));
}

TEST_F(PacketWriterTest, LargeFilesGiveWayAndArePacked) {
  Limits limits;
  limits.packet_segment_bytes = 4096;
  auto writer = open(limits);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(writer->append(batch(40)));
    writer->tick(boot_now());
  }
  ASSERT_TRUE(writer->append(batch(1)));
  ASSERT_TRUE(pack_packet_files(real_disk(), layout(), nullptr, false, {}));
  EXPECT_THAT(names(),
              ElementsAre("00000000000000000001.pcapng.zst", "00000000000000000041.pcapng.zst",
                          "00000000000000000081.pcapng.zst", "00000000000000000121.pcapng.zst",
                          "00000000000000000161.pcapng"));
  EXPECT_EQ(numbers(layout().pcapng_packed(41)).size(), 40U);
  EXPECT_EQ(numbers(layout().pcapng_packed(41)).front(), 41U);
}

TEST_F(PacketWriterTest, PackingKeepsEveryByteOfManyFrames) {
  auto writer = open();
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(writer->append(batch(250)));
  ASSERT_TRUE(writer->close());
  ASSERT_TRUE(writer->append(batch(1)));
  ASSERT_GT(fs::file_size(layout().pcapng(1)), 5U << 20);
  ASSERT_TRUE(pack_packet_files(real_disk(), layout(), nullptr, false, {}));
  const auto found = numbers(layout().pcapng_packed(1));
  ASSERT_EQ(found.size(), 50'000U);
  EXPECT_TRUE(std::ranges::is_sorted(found));
  EXPECT_EQ(found.back(), 50'000U);
}

TEST_F(PacketWriterTest, BudgetTakesTheOldest) {
  std::vector<PacketFiles> files{
      {1, false, true, 100}, {11, false, true, 100}, {21, true, false, 500}};
  Limits limits;
  limits.packet_budget_bytes = 150;
  const auto plan = plan_packet_retention(files, limits);
  EXPECT_THAT(plan.segments, ElementsAre(1));
  EXPECT_EQ(plan.records, 10U);
  EXPECT_EQ(plan.last_seq, 10U);
  limits.packet_budget_bytes = 200;
  EXPECT_TRUE(plan_packet_retention(files, limits).segments.empty());
}

TEST_F(PacketWriterTest, WhatTheDiskRefusesIsToldWithTheNextPacket) {
  auto writer = open();
  fs::remove_all(layout().packets());
  EXPECT_FALSE(writer->append(batch(5)));
  EXPECT_EQ(writer->totals().refused, 5U);
  EXPECT_FALSE(writer->totals().fault.empty());
  fs::create_directories(layout().packets());
  EXPECT_FALSE(writer->append(batch(1)));  // not at once: a full disk would bring a loss a packet
  const auto begin = boot_now();
  while (boot_now().ns < begin.ns + 1'100'000'000) {
  }
  ASSERT_TRUE(writer->append(batch(2)));
  auto reader = packet::CaptureReader::open(layout().pcapng(1));
  ASSERT_TRUE(reader);
  const auto first = (*reader)->next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->dropped, 6U);
  EXPECT_EQ((*first)->id, 1U);
}

}  // namespace
}  // namespace alibi::store
