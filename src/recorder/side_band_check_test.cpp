#include "recorder/side_band_check.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace alibi::recorder {
namespace {

using What = SideBandCheck::What;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kNobody = 4'000'000;  // above pid_max: no such process

std::vector<SideBandCheck::Missed> missed(SideBandCheck& check, std::uint64_t now_ns) {
  std::vector<SideBandCheck::Missed> all;
  check.take_missed(BootNs{now_ns}, [&](const auto& one) { all.push_back(one); });
  return all;
}

TEST(SideBandCheck, EqualCopiesMissNothing) {
  SideBandCheck check;
  check.begin(BootNs{0});
  check.saw_perf(perf::Exec{.pid = 5, .tid = 5, .boot = BootNs{10}});
  check.saw_program(What::Exec, 5, BootNs{12});
  EXPECT_TRUE(missed(check, 5 * kSecond).empty());
}

TEST(SideBandCheck, WhatOnlyPerfSawIsMissedAfterASecond) {
  SideBandCheck check;
  check.begin(BootNs{0});
  check.saw_perf(
      perf::NewProcess{.pid = kNobody, .parent_pid = 7, .parent_tid = 7, .boot = BootNs{10}});
  EXPECT_TRUE(missed(check, kSecond / 2).empty());
  const auto found = missed(check, 3 * kSecond);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].what, What::Fork);
  EXPECT_EQ(found[0].pid, kNobody);
  EXPECT_EQ(found[0].parent_pid, 7U);
  EXPECT_EQ(check.missed_total(), 1U);
}

TEST(SideBandCheck, WhatOnlyTheProgramsSawIsNotMissed) {
  SideBandCheck check;
  check.begin(BootNs{0});
  check.saw_program(What::Exec, 5, BootNs{10});
  EXPECT_TRUE(missed(check, 5 * kSecond).empty());
  EXPECT_TRUE(missed(check, 9 * kSecond).empty());
}

TEST(SideBandCheck, ProcessesThatLiveOnWithoutTheirFirstThreadAreNoMiss) {
  SideBandCheck check;
  check.begin(BootNs{0});
  const auto self = static_cast<std::uint32_t>(::getpid());
  check.saw_perf(perf::EndedTask{.pid = self, .tid = self, .boot = BootNs{10}});
  EXPECT_TRUE(missed(check, 5 * kSecond).empty());
  check.saw_perf(perf::EndedTask{.pid = kNobody, .tid = kNobody, .boot = BootNs{10}});
  EXPECT_EQ(missed(check, 9 * kSecond).size(), 1U);
}

TEST(SideBandCheck, NothingCountsBeforeTheBeginning) {
  SideBandCheck check;
  check.begin(BootNs{100});
  check.saw_perf(perf::Exec{.pid = 5, .tid = 5, .boot = BootNs{99}});
  EXPECT_TRUE(missed(check, 5 * kSecond).empty());
}

}  // namespace
}  // namespace alibi::recorder
