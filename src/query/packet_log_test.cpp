#include "query/packet_log.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zstd.h>

#include <fstream>
#include <string>

#include "packet/pcapng_writer.hpp"

namespace alibi::query {
namespace {

using Go = PacketLog::Go;
namespace fs = std::filesystem;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kBegin = 1'763'791'200 * kSecond;

packet::Blocks head() {
  packet::Blocks out;
  packet::append_section(out, {});
  packet::append_interface(out, {.link = packet::LinkType::Raw, .name = "lo"});
  return out;
}

void add(packet::Blocks& out, std::uint64_t id, std::int64_t at_s, std::uint32_t pid = 0) {
  packet::Packet packet{.time = {kBegin + at_s * kSecond}, .original_bytes = 40, .id = id};
  if (pid != 0) packet.pid = pid;
  packet::append_packet(out, packet);
}

void add_process(packet::Blocks& out, std::uint32_t pid, std::string name, std::int64_t start_s) {
  packet::append_process(out, {.pid = pid,
                               .name = std::move(name),
                               .start_ns = static_cast<std::uint64_t>(kBegin + start_s * kSecond)});
}

class PacketLogTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(directory_ / "packets"); }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path file(std::uint64_t number, const char* ending) const {
    return directory_ / "packets" / fmt::format("{:020}{}", number, ending);
  }
  void append(const fs::path& to, std::string_view bytes) const {
    std::ofstream(to, std::ios::binary | std::ios::app) << bytes;
  }
  static std::string_view text(const packet::Blocks& blocks) {
    return {reinterpret_cast<const char*>(blocks.data()), blocks.size()};
  }
  void grow(std::uint64_t number, const packet::Blocks& blocks) const {
    append(file(number, ".pcapng"), text(blocks));
  }
  void pack(std::uint64_t number, const packet::Blocks& blocks) const {
    std::string packed(ZSTD_compressBound(blocks.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), blocks.data(), blocks.size(), 3));
    append(file(number, ".pcapng.zst"), packed);
  }
  /// Numbers of the packets, with the process where one is known: "1 2:curl".
  static std::string numbers(PacketLog& log, TimeRange range = {}) {
    std::string seen;
    PacketLog::Visit visit = [&](const LoggedPacket& one) {
      if (!seen.empty()) seen += ' ';
      seen += std::to_string(one.packet.id.value_or(0));
      if (one.process) seen += ":" + one.process->name;
      return Go::On;
    };
    EXPECT_TRUE(log.read_new(range, visit));
    return seen;
  }
  std::unique_ptr<PacketLog> open() const {
    auto log = PacketLog::open(directory_);
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }

  fs::path directory_ = fs::temp_directory_path() / fmt::format("alibi_packets_{}", ::getpid());
};

TEST_F(PacketLogTest, SegmentsAreReadInOrderWhateverTheirForm) {
  auto first = head();
  add(first, 1, 0);
  add(first, 2, 1);
  pack(1, first);
  grow(1, first);  // packed, and about to go
  auto second = head();
  add(second, 3, 2);
  grow(3, second);
  append(directory_ / "packets" / "note.txt", "none of ours");
  const auto log = open();
  EXPECT_EQ(numbers(*log), "1 2 3");
  EXPECT_TRUE(log->damage().empty());
}

TEST_F(PacketLogTest, NoPacketLogIsNotFound) {
  const auto log = PacketLog::open(directory_);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Errc::NotFound);
}

TEST_F(PacketLogTest, LiveViewWaitsForTheFirstPacket) {
  EXPECT_EQ(PacketLog::open_live(directory_ / "none").error().code, Errc::NotFound);
  const auto log = PacketLog::open_live(directory_);
  ASSERT_TRUE(log);
  EXPECT_EQ(numbers(**log), "");
  auto blocks = head();
  add(blocks, 1, 0);
  grow(1, blocks);
  EXPECT_EQ(numbers(**log), "1");
}

TEST_F(PacketLogTest, TimesAreInclusive) {
  auto blocks = head();
  for (std::uint64_t i = 1; i <= 5; ++i)
    add(blocks, i, static_cast<std::int64_t>(i));
  grow(1, blocks);
  EXPECT_EQ(numbers(*open(), {WallNs{kBegin + 2 * kSecond}, WallNs{kBegin + 4 * kSecond}}),
            "2 3 4");
}

TEST_F(PacketLogTest, GrowingFileIsReadBlockByBlock) {
  auto blocks = head();
  add(blocks, 1, 0);
  const std::string whole(text(blocks));
  append(file(1, ".pcapng"), whole.substr(0, whole.size() - 5));
  const auto log = open();
  EXPECT_EQ(numbers(*log), "");
  append(file(1, ".pcapng"), whole.substr(whole.size() - 5));
  EXPECT_EQ(numbers(*log), "1");
  EXPECT_EQ(numbers(*log), "");
  auto next = head();
  add(next, 2, 1);
  grow(2, next);
  EXPECT_EQ(numbers(*log), "2");
  EXPECT_TRUE(log->damage().empty());
}

TEST_F(PacketLogTest, TornEndBeforeAnotherSegmentIsTold) {
  auto blocks = head();
  add(blocks, 1, 0);
  grow(1, blocks);
  append(file(1, ".pcapng"), "torn");
  auto next = head();
  add(next, 2, 1);
  grow(2, next);
  const auto log = open();
  EXPECT_EQ(numbers(*log), "1 2");
  ASSERT_EQ(log->damage().size(), 1U);
  EXPECT_EQ(log->damage()[0].code, Errc::Corrupt);
}

TEST_F(PacketLogTest, BrokenSegmentHidesOnlyItself) {
  auto blocks = head();
  add(blocks, 1, 0);
  append(file(1, ".pcapng.zst"), "this is not zstd");
  auto next = head();
  add(next, 2, 1);
  pack(2, next);
  const auto log = open();
  EXPECT_EQ(numbers(*log), "2");
  EXPECT_EQ(log->damage().size(), 1U);
}

TEST_F(PacketLogTest, PidUsedAgainIsTheLaterProcess) {
  auto blocks = head();
  add_process(blocks, 7, "first", -10);
  add(blocks, 1, 0, 7);
  add_process(blocks, 7, "second", 5);
  add(blocks, 2, 6, 7);
  add(blocks, 3, 4, 7);    // of another CPU: recorded late
  add(blocks, 4, 5, 7);    // at the very start: could be of either
  add(blocks, 5, -11, 7);  // before both
  add(blocks, 6, 6, 8);    // not described
  grow(1, blocks);
  EXPECT_EQ(numbers(*open()), "1:first 2:second 3:first 4 5 6");
}

}  // namespace
}  // namespace alibi::query
