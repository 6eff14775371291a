#include "verify/order.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace alibi::verify {
namespace {

using seal::LeafType;

constexpr std::uint64_t kSecond = 1'000'000'000;
const std::string kBootA = "0f0f0f0f-0000-0000-0000-000000000001";
const std::string kBootB = "0f0f0f0f-0000-0000-0000-000000000002";

/// Leaves one after the other; what the rules found.
class Story {
 public:
  Story() { add(LeafType::Genesis, 0); }

  /// `at_s` seconds after the boot; the wall clock is ahead by `ahead_s`.
  Story& add(LeafType type, std::uint64_t at_s, std::int64_t ahead_s = 1'700'000'000) {
    seal::Leaf leaf;
    leaf.type = type;
    leaf.boot_id = boot_;
    leaf.boot = {at_s * kSecond};
    leaf.time = {(static_cast<std::int64_t>(at_s) + ahead_s) * static_cast<std::int64_t>(kSecond)};
    order_.take(next_++, leaf, *findings_, report_);
    return *this;
  }
  Story& block(std::uint64_t at_s, seal::BlockLeaf block) {
    seal::Leaf leaf;
    leaf.type = LeafType::Block;
    leaf.boot_id = boot_;
    leaf.boot = {at_s * kSecond};
    leaf.time = {static_cast<std::int64_t>((at_s + 1'700'000'000) * kSecond)};
    block.root = std::string(43, 'A') + "=";
    leaf.pairs = block.to_pairs();
    order_.take(next_++, leaf, *findings_, report_);
    return *this;
  }
  Story& boot(const std::string& id) {
    boot_ = id;
    return *this;
  }
  std::string end() {
    order_.end(report_);
    const auto first = findings_->first();
    if (!first) return report_.gaps.empty() ? "right" : "gap " + report_.gaps.front().type;
    return std::string(name_of(first->verdict)) + " " + std::to_string(*first->place.leaf);
  }

 private:
  Order order_{Genesis{.epoch_ms = 10'000, .first_event = 5, .first_packet = 1}};
  std::unique_ptr<Findings> findings_ = std::make_unique<Findings>();
  Report report_;
  std::string boot_ = kBootA;
  std::uint64_t next_ = 0;
};

TEST(Order, ARunThatStoppedNeedsNoWord) {
  EXPECT_EQ(Story()
                .add(LeafType::Start, 1)
                .add(LeafType::Stop, 9)
                .add(LeafType::Epoch, 9)
                .boot(kBootB)
                .add(LeafType::Start, 1)
                .end(),
            "right");
}

TEST(Order, ACrashNeedsARecoveryLeafSoon) {
  const auto crashed = [] {
    Story story;
    story.add(LeafType::Start, 1).add(LeafType::Epoch, 9).boot(kBootB).add(LeafType::Start, 1);
    return story;
  };
  EXPECT_EQ(crashed().add(LeafType::Recovery, 1).end(), "right");
  EXPECT_EQ(crashed().end(), "gap recovery");
  auto told_late = crashed();
  for (int i = 0; i < 4; ++i)
    told_late.add(LeafType::Loss, 2);
  EXPECT_EQ(told_late.add(LeafType::Recovery, 2).end(), "GAP-UNEXPLAINED 3");
}

TEST(Order, ARecoveryMayStandBeforeTheStart) {
  EXPECT_EQ(
      Story().add(LeafType::Start, 1).add(LeafType::Recovery, 5).add(LeafType::Start, 6).end(),
      "right");
}

TEST(Order, SilenceNeedsAReason) {
  EXPECT_EQ(Story().add(LeafType::Start, 1).add(LeafType::Epoch, 31).end(), "right");
  EXPECT_EQ(Story().add(LeafType::Start, 1).add(LeafType::Epoch, 32).end(), "gap clock");
  EXPECT_EQ(
      Story().add(LeafType::Start, 1).add(LeafType::Epoch, 100).add(LeafType::Clock, 101).end(),
      "right");
  EXPECT_EQ(Story()
                .add(LeafType::Start, 1)
                .add(LeafType::Epoch, 100)
                .add(LeafType::Epoch, 110)
                .add(LeafType::Epoch, 120)
                .add(LeafType::Clock, 131)
                .end(),
            "GAP-UNEXPLAINED 2");
  EXPECT_EQ(Story()
                .add(LeafType::Start, 1)
                .add(LeafType::Stop, 2)
                .add(LeafType::Epoch, 2)
                .add(LeafType::Start, 900)
                .end(),
            "right");
}

TEST(Order, AStepOfTheWallClockNeedsAClockLeaf) {
  const std::int64_t ahead = 1'700'000'000;
  EXPECT_EQ(Story()
                .add(LeafType::Start, 1)
                .add(LeafType::Loss, 2, ahead - 3600)
                .add(LeafType::Clock, 3, ahead - 3600)
                .end(),
            "right");
  EXPECT_EQ(Story()
                .add(LeafType::Start, 1)
                .add(LeafType::Loss, 2, ahead + 2)
                .add(LeafType::Fault, 20, ahead + 2)
                .add(LeafType::Epoch, 33, ahead + 2)
                .end(),
            "GAP-UNEXPLAINED 2");
  EXPECT_EQ(Story().add(LeafType::Start, 1).add(LeafType::Loss, 2, ahead + 1).end(), "right");
}

TEST(Order, TheClockOfABootNeverGoesBack) {
  EXPECT_EQ(Story().add(LeafType::Start, 10).add(LeafType::Loss, 9).end(), "REORDERED 2");
}

seal::BlockLeaf events(std::uint64_t segment, std::uint64_t block, std::uint64_t offset,
                       std::uint64_t first, std::uint64_t last) {
  return {.segment = segment,
          .block = block,
          .offset = offset,
          .bytes = 100,
          .items = 3,
          .first = first,
          .last = last};
}

TEST(Order, BlocksFollowEachOther) {
  const auto begun = [] {
    Story story;
    story.add(LeafType::Start, 1).block(2, events(5, 0, 700, 5, 6));
    return story;
  };
  EXPECT_EQ(begun().block(3, events(5, 1, 800, 7, 9)).block(3, events(10, 0, 0, 10, 10)).end(),
            "right");
  EXPECT_EQ(begun().block(3, events(5, 2, 900, 7, 9)).end(), "MISSING 3");
  EXPECT_EQ(begun().block(3, events(5, 1, 801, 7, 9)).end(), "MISSING 3");
  EXPECT_EQ(begun().block(3, events(5, 1, 799, 7, 9)).end(), "REORDERED 3");
  EXPECT_EQ(begun().block(3, events(5, 0, 700, 5, 6)).end(), "REORDERED 3");
  EXPECT_EQ(begun().block(3, events(5, 1, 800, 8, 9)).end(), "MISSING 3");
  EXPECT_EQ(begun().block(3, events(5, 1, 800, 6, 9)).end(), "REORDERED 3");
  EXPECT_EQ(begun().block(3, events(7, 0, 5, 7, 9)).end(), "MISSING 3");
  EXPECT_EQ(begun().block(3, events(4, 0, 0, 7, 9)).end(), "REORDERED 3");
  EXPECT_EQ(begun().block(3, events(5, 1, 800, 9, 7)).end(), "REORDERED 3");
}

}  // namespace
}  // namespace alibi::verify
