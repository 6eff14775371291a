#include "recorder/packet_owners.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "recorder/packet_streams.hpp"

namespace alibi::recorder {
namespace {

using event::Grade;

class PacketOwnersTest : public testing::Test {
 protected:
  PacketOwnersTest() {
    auto opened = WallClock::open(clocks_);
    clock_.emplace(std::move(*opened));
    shared_.emplace(options_, *clock_);
    owners_.emplace(*shared_);
  }

  static alibi_packet packet(std::uint8_t owner_by, std::uint32_t pid, std::uint8_t role,
                             bool is_out = true) {
    alibi_packet made{};
    made.header.boot_ns = 1'000'000'000;
    made.header.process = {pid * 1000ULL * 1000, pid, 0};
    made.cookie = 77;
    made.owner_by = owner_by;
    made.role = role;
    made.is_out = is_out;
    return made;
  }
  static event::ProcessKey key(std::uint32_t pid) { return {pid * 1000ULL, pid}; }

  void expect(const Attribution& found, std::optional<event::ProcessKey> process, Grade grade,
              std::string_view via) {
    EXPECT_EQ(found.process, process);
    EXPECT_EQ(found.grade, grade);
    EXPECT_EQ(found.via, via);
  }

  ClockSource clocks_;
  Options options_;
  std::optional<WallClock> clock_;
  std::optional<Translation> shared_;
  std::optional<PacketOwners> owners_;
};

TEST_F(PacketOwnersTest, SynIsOfWhoConnected) {
  expect(owners_->owner_of(packet(ALIBI_OWNER_CREATOR, 5, ALIBI_ROLE_CLIENT), true, false), key(5),
         Grade::Proven, "connect");
}

TEST_F(PacketOwnersTest, FirstDataOfAConnectionMayBeAnHeirs) {
  expect(owners_->owner_of(packet(ALIBI_OWNER_CREATOR, 5, ALIBI_ROLE_CLIENT), true, true), key(5),
         Grade::Likely, "connect");
}

TEST_F(PacketOwnersTest, WhatALaterPacketSaysHoldsForEarlierOnes) {
  owners_->note(packet(ALIBI_OWNER_USER, 6, ALIBI_ROLE_SERVER));
  expect(owners_->owner_of(packet(ALIBI_OWNER_CREATOR, 5, ALIBI_ROLE_SERVER, false), true, true),
         key(6), Grade::Proven, "io");
}

TEST_F(PacketOwnersTest, WhatTheFlowSaysHoldsForItsPackets) {
  owners_->note(77, {key(6), Grade::Ambiguous, "io_by_several"}, BootNs{1'000'000'000});
  expect(owners_->owner_of(packet(ALIBI_OWNER_CREATOR, 5, ALIBI_ROLE_SERVER, false), true, true),
         key(6), Grade::Ambiguous, "io_by_several");
}

TEST_F(PacketOwnersTest, KnowledgeOfASocketIsForgotten) {
  owners_->note(77, {key(6), Grade::Proven, "io"}, BootNs{1'000'000'000});
  owners_->note(78, {key(8), Grade::Proven, "io"}, BootNs{3'000'000'000});
  owners_->note(79, {key(9), Grade::Proven, "io"}, BootNs{5'000'000'000});
  expect(owners_->owner_of(packet(ALIBI_OWNER_CREATOR, 5, ALIBI_ROLE_SERVER, false), true, false),
         key(5), Grade::Likely, "listener");
}

TEST_F(PacketOwnersTest, HandshakeIsTheListenersWhateverItsWorkersDo) {
  owners_->note(packet(ALIBI_OWNER_USER, 6, ALIBI_ROLE_LISTENER));
  expect(owners_->owner_of(packet(ALIBI_OWNER_CREATOR, 5, ALIBI_ROLE_LISTENER, false), true, false),
         key(5), Grade::Likely, "listener");
}

TEST_F(PacketOwnersTest, SeveralUsersAreAmbiguous) {
  expect(owners_->owner_of(packet(ALIBI_OWNER_SEVERAL, 5, ALIBI_ROLE_CLIENT), true, true), key(5),
         Grade::Ambiguous, "io_by_several");
}

TEST_F(PacketOwnersTest, DatagramsAreOfTheirSender) {
  expect(owners_->owner_of(packet(ALIBI_OWNER_SENDER, 5, ALIBI_ROLE_UNKNOWN), false, true), key(5),
         Grade::Proven, "send");
  shared_->sockets.add_user(77, key(6));
  expect(owners_->owner_of(packet(ALIBI_OWNER_CONNECTOR, 5, ALIBI_ROLE_UNKNOWN), false, true),
         key(6), Grade::Likely, "only_user");
}

TEST_F(PacketOwnersTest, NobodyIsNamedForAnUnknownSocket) {
  const auto found =
      owners_->owner_of(packet(ALIBI_OWNER_NOBODY, 0, ALIBI_ROLE_UNKNOWN), true, false);
  EXPECT_EQ(found.process, std::nullopt);
  EXPECT_EQ(found.grade, Grade::Unknown);
}

TEST(PacketStreams, BothDirectionsAreOneStreamAndTwoSocketsAreTwo) {
  packet::Headers out;
  out.protocol = 6;
  out.source = event::ipv4({127, 0, 0, 1});
  out.destination = event::ipv4({127, 0, 0, 2});
  out.source_port = 1000;
  out.destination_port = 80;
  packet::Headers in = out;
  std::swap(in.source, in.destination);
  std::swap(in.source_port, in.destination_port);
  PacketStreams streams;
  const std::uint64_t client = streams.at(stream_key(out, true, 1), BootNs{1}).id;
  EXPECT_EQ(streams.at(stream_key(in, false, 1), BootNs{2}).id, client);
  EXPECT_NE(streams.at(stream_key(out, false, 1), BootNs{3}).id, client);
  EXPECT_NE(streams.at(stream_key(out, true, 2), BootNs{4}).id, client);
  ASSERT_NE(streams.find(client), nullptr);
  EXPECT_EQ(streams.find(client)->first.local_port, 1000);
}

TEST(PacketStreams, AreForgottenOldestFirst) {
  PacketStreams streams;
  StreamKey key;
  const std::uint64_t first = streams.at(key, BootNs{1}).id;
  for (std::uint32_t i = 1; i < 2 * PacketStreams::kStreams + 2; ++i) {
    key.net_ns = i;
    streams.at(key, BootNs{2});
  }
  EXPECT_EQ(streams.find(first), nullptr);
  key.net_ns = 0;
  EXPECT_NE(streams.at(key, BootNs{3}).id, first);
}

}  // namespace
}  // namespace alibi::recorder
