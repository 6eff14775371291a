#include "recorder/packet_translator.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>

namespace alibi::recorder {
namespace {

using store::PacketBatch;

class PacketTranslatorTest : public testing::Test {
 protected:
  PacketTranslatorTest() {
    auto opened = WallClock::open(clocks_);
    clock_.emplace(std::move(*opened));
    shared_.emplace(options_, *clock_);
    owners_.emplace(*shared_);
    translator_.emplace(*shared_, *owners_, nullptr);
  }

  struct What {
    std::uint64_t cookie = 77;
    std::uint32_t pid = 5;
    std::uint8_t owner_by = ALIBI_OWNER_SENDER;
    std::uint8_t role = ALIBI_ROLE_UNKNOWN;
    std::uint8_t protocol = IPPROTO_UDP;
    std::uint8_t tcp_flags = 0;
    bool is_out = true;
  };

  // IPv4 without options from 10.0.0.1:1000 to 10.0.0.2:2000, or back; no payload.
  void pass(const What& what) {
    constexpr std::size_t kBytes = 40;
    struct {
      alibi_packet fixed;
      std::array<std::uint8_t, kBytes> bytes;
    } record{};
    record.fixed.header.boot_ns = now_ += 1000;
    record.fixed.header.seq = ++seq_;
    record.fixed.header.kind = ALIBI_RECORD_PACKET;
    record.fixed.header.size = sizeof(record);
    if (what.pid != 0) record.fixed.header.process = {what.pid * 1'000'000ULL, what.pid, 0};
    record.fixed.cookie = what.cookie;
    record.fixed.net_ns = 1;
    record.fixed.ifindex = 1;
    record.fixed.wire_bytes = record.fixed.captured_bytes = kBytes;
    record.fixed.is_out = what.is_out;
    record.fixed.owner_by = what.owner_by;
    record.fixed.role = what.role;
    auto& ip = record.bytes;
    ip = {0x45, 0, 0, kBytes, 0, 0, 0, 0, 64, what.protocol};
    ip[12] = ip[16] = 10;
    ip[what.is_out ? 15 : 19] = 1;
    ip[what.is_out ? 19 : 15] = 2;
    const std::array<std::uint8_t, 4> ports = {1000 >> 8, 1000 & 0xff, 2000 >> 8, 2000 & 0xff};
    std::memcpy(&ip[what.is_out ? 20 : 22], &ports[0], 2);
    std::memcpy(&ip[what.is_out ? 22 : 20], &ports[2], 2);
    if (what.protocol == IPPROTO_TCP) {
      ip[32] = 0x50;
      ip[33] = what.tcp_flags;
    } else {
      ip[25] = kBytes - 20;
    }
    ASSERT_TRUE(translator_->translate(std::as_bytes(std::span(&record, 1))));
  }

  /// Of each packet since the last call; 0: nobody.
  std::vector<std::uint32_t> pids() {
    const PacketBatch batch = translator_->take();
    std::vector<std::uint32_t> pids;
    for (const auto& entry : batch.packets)
      pids.push_back(
          entry.owner == PacketBatch::kNobody ? 0 : batch.processes.at(entry.owner).first.pid);
    return pids;
  }

  ClockSource clocks_;
  Options options_;
  std::optional<WallClock> clock_;
  std::optional<Translation> shared_;
  std::optional<PacketOwners> owners_;
  std::optional<PacketTranslator> translator_;
  std::uint64_t now_ = 1'000'000'000;
  std::uint64_t seq_ = 0;
};

using Pids = std::vector<std::uint32_t>;

TEST_F(PacketTranslatorTest, EachPacketIsOfWhoSentItEvenInARunOfOneSocket) {
  pass({.pid = 5});
  pass({.pid = 5});
  pass({.pid = 6});
  pass({.pid = 5});
  EXPECT_EQ(pids(), (Pids{5, 5, 6, 5}));
}

TEST_F(PacketTranslatorTest, SocketsThatShareAPlaceInMemoryAreToldApart) {
  for (int i = 0; i < 2; ++i) {
    pass({.cookie = 1, .pid = 5});
    pass({.cookie = 1 + 32, .pid = 6});
    pass({.cookie = 1, .pid = 7, .is_out = false});
  }
  EXPECT_EQ(pids(), (Pids{5, 6, 7, 5, 6, 7}));
}

TEST_F(PacketTranslatorTest, ANewBatchHasItsOwnListOfProcesses) {
  pass({.cookie = 1, .pid = 5});
  pass({.cookie = 2, .pid = 6});
  EXPECT_EQ(pids(), (Pids{5, 6}));
  pass({.cookie = 2, .pid = 6});
  pass({.cookie = 1, .pid = 5});
  EXPECT_EQ(pids(), (Pids{6, 5}));
}

TEST_F(PacketTranslatorTest, WhatIsLeftOfAConnectionIsOfWhoHadItLast) {
  const What tcp{.owner_by = ALIBI_OWNER_USER, .role = ALIBI_ROLE_CLIENT, .protocol = IPPROTO_TCP};
  const What rest{.cookie = 77, .pid = 0, .owner_by = ALIBI_OWNER_NOBODY, .protocol = IPPROTO_TCP};
  What other = tcp;
  other.pid = 6;
  pass(tcp);
  pass(rest);
  pass(other);
  pass(rest);
  EXPECT_EQ(pids(), (Pids{5, 5, 6, 6}));
}

TEST_F(PacketTranslatorTest, TheSameAddressesAgainAreAnotherConnection) {
  What syn{.owner_by = ALIBI_OWNER_USER,
           .role = ALIBI_ROLE_CLIENT,
           .protocol = IPPROTO_TCP,
           .tcp_flags = packet::kSyn};
  pass(syn);
  pass(syn);
  What rest{.pid = 0, .owner_by = ALIBI_OWNER_NOBODY, .protocol = IPPROTO_TCP};
  pass(rest);
  EXPECT_EQ(pids(), (Pids{5, 5, 5}));
  rest.tcp_flags = packet::kSyn;  // nothing is known of the new one yet
  pass(rest);
  EXPECT_EQ(pids(), (Pids{0}));
}

}  // namespace
}  // namespace alibi::recorder
