#include "recorder/attribution.hpp"

#include <gtest/gtest.h>

namespace alibi::recorder {
namespace {

using event::Grade;
using Role = SocketFacts::Role;

constexpr event::ProcessKey kMaster{1'000'000, 10};
constexpr event::ProcessKey kWorker{2'000'000, 20};
constexpr event::ProcessKey kOther{3'000'000, 30};

SocketUser user(event::ProcessKey key, std::uint64_t out, std::uint64_t in) {
  return {key, "sent", out, in};
}

TEST(Attribution, ConnectorIsProvenByItsOwnConnect) {
  const auto found = attribute({.role = Role::Client, .creator = kMaster});
  EXPECT_EQ(found.process, kMaster);
  EXPECT_EQ(found.grade, Grade::Proven);
  EXPECT_EQ(found.via, "connect");
}

TEST(Attribution, WorkerNotMasterOwnsAnAcceptedConnection) {
  const auto found =
      attribute({.role = Role::Server, .creator = kMaster, .users = {user(kWorker, 10, 20)}});
  EXPECT_EQ(found.process, kWorker);
  EXPECT_EQ(found.grade, Grade::Proven);
  EXPECT_EQ(found.via, "io");
}

TEST(Attribution, AcceptedAndNeverUsedIsOnlyLikelyTheListener) {
  const auto found = attribute({.role = Role::Server, .creator = kMaster});
  EXPECT_EQ(found.process, kMaster);
  EXPECT_EQ(found.grade, Grade::Likely);
}

TEST(Attribution, WhoMovedBytesCountsBeforeWhoOnlyLooked) {
  const auto found = attribute({.role = Role::Server,
                                .creator = kMaster,
                                .users = {user(kOther, 0, 0), user(kWorker, 5, 0)}});
  EXPECT_EQ(found.process, kWorker);
  EXPECT_EQ(found.grade, Grade::Proven);
}

TEST(Attribution, TwoThatMovedBytesAreAmbiguous) {
  const auto found = attribute({.role = Role::Client,
                                .creator = kMaster,
                                .users = {user(kMaster, 5, 0), user(kWorker, 50, 0)}});
  EXPECT_EQ(found.grade, Grade::Ambiguous);
  EXPECT_EQ(found.process, kWorker);
}

TEST(Attribution, AnIncompleteListOfUsersIsNeverProven) {
  const auto found = attribute({.role = Role::Client,
                                .creator = kMaster,
                                .users = {user(kWorker, 5, 0)},
                                .has_more_users = true});
  EXPECT_EQ(found.grade, Grade::Ambiguous);
}

TEST(Attribution, OldSocketNamesItsOnlyHolderAsLikely) {
  const auto found = attribute({.holders = {kWorker}});
  EXPECT_EQ(found.process, kWorker);
  EXPECT_EQ(found.grade, Grade::Likely);
}

TEST(Attribution, OldSocketWithSeveralHoldersNamesNobody) {
  const auto found = attribute({.holders = {kWorker, kOther}});
  EXPECT_FALSE(found.process);
  EXPECT_EQ(found.grade, Grade::Ambiguous);
}

TEST(Attribution, NothingKnownIsUnknown) {
  const auto found = attribute({});
  EXPECT_FALSE(found.process);
  EXPECT_EQ(found.grade, Grade::Unknown);
}

TEST(Attribution, SenderOfADatagramIsProven) {
  const auto found =
      attribute({.role = Role::Datagram, .creator = kMaster, .users = {user(kWorker, 0, 0)}});
  EXPECT_EQ(found.process, kWorker);
  EXPECT_EQ(found.grade, Grade::Proven);
  EXPECT_EQ(found.via, "send");
}

TEST(Attribution, TwoSendersToOneRemoteAreAmbiguous) {
  const auto found = attribute({.role = Role::Datagram,
                                .creator = kMaster,
                                .users = {user(kWorker, 0, 0), user(kOther, 0, 0)}});
  EXPECT_EQ(found.grade, Grade::Ambiguous);
}

TEST(Attribution, CreatorOfADatagramSocketIsProvenOnlyWhereOthersWouldBeSeen) {
  SocketFacts facts{.role = Role::Datagram, .creator = kMaster};
  EXPECT_EQ(attribute(facts).grade, Grade::Proven);
  facts.can_see_users = false;
  EXPECT_EQ(attribute(facts).grade, Grade::Likely);
}

TEST(Attribution, InboundDatagramsOfASocketUsedBySeveralNameNobody) {
  const auto found =
      attribute({.role = Role::Datagram, .creator = kMaster, .other_users = {kMaster, kWorker}});
  EXPECT_FALSE(found.process);
  EXPECT_EQ(found.grade, Grade::Ambiguous);
}

TEST(Attribution, WhoConnectedADatagramSocketThatAnotherUsedIsNotItsSender) {
  SocketFacts facts{.role = Role::Datagram, .creator = kMaster, .users = {user(kMaster, 0, 0)}};
  facts.is_sender_presumed = true;
  EXPECT_EQ(attribute(facts).grade, Grade::Proven);  // nobody else was seen, and would have been
  facts.can_see_users = false;
  EXPECT_EQ(attribute(facts).grade, Grade::Likely);
  facts.other_users = {kWorker};
  EXPECT_EQ(attribute(facts).process, kWorker);
  EXPECT_EQ(attribute(facts).grade, Grade::Likely);
  facts.other_users = {kWorker, kOther};
  EXPECT_EQ(attribute(facts).process, std::nullopt);
  EXPECT_EQ(attribute(facts).grade, Grade::Ambiguous);
}

}  // namespace
}  // namespace alibi::recorder
