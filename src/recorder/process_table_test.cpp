#include "recorder/process_table.hpp"

#include <gtest/gtest.h>

namespace alibi::recorder {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

TEST(ProcessTable, AReusedPidIsAnotherProcess) {
  ProcessTable table;
  table.add({1'000, 7}).exe = "/bin/first";
  table.add({5'000, 7}).exe = "/bin/second";
  EXPECT_EQ(table.find_pid(7, BootNs{999'000}), nullptr);
  EXPECT_EQ(table.find_pid(7, BootNs{2'000'000})->exe, "/bin/first");
  EXPECT_EQ(table.find_pid(7, BootNs{5'000'000})->exe, "/bin/second");
}

TEST(ProcessTable, EndedProcessesStayForAWhile) {
  ProcessTable table;
  table.end(table.add({1'000, 7}), BootNs{kSecond});
  std::size_t forgotten = 0;
  table.prune(BootNs{kSecond + ProcessTable::kKeepEndedNs}, [&](const Process&) { ++forgotten; });
  EXPECT_EQ(forgotten, 0U);
  EXPECT_NE(table.find({1'000, 7}), nullptr);
  table.prune(BootNs{2 * kSecond + ProcessTable::kKeepEndedNs},
              [&](const Process&) { ++forgotten; });
  EXPECT_EQ(forgotten, 1U);
  EXPECT_EQ(table.find({1'000, 7}), nullptr);
  EXPECT_EQ(table.find_pid(7, BootNs{60 * kSecond}), nullptr);
}

TEST(ProcessTable, ChurnDoesNotGrowIt) {
  ProcessTable table;
  for (std::uint32_t i = 1; i <= 3 * ProcessTable::kMaxEnded; ++i) {
    table.end(table.add({i, i}), BootNs{i});
    table.prune(BootNs{i}, [](const Process&) {});
  }
  EXPECT_LE(table.size(), ProcessTable::kMaxEnded + 1);
  EXPECT_EQ(table.living(), 0U);
}

TEST(ProcessTable, AncestorsEndAtALoop) {
  ProcessTable table;
  table.add({1, 1}).parent = event::ProcessKey{2, 2};
  table.add({2, 2}).parent = event::ProcessKey{1, 1};
  EXPECT_EQ(table.ancestors(*table.find({1, 1})).size(), 32U);
}

TEST(ProcessTable, TrackedOnesAreCountedWhileTheyLive) {
  ProcessTable table;
  Process& process = table.add({1, 1});
  table.track(process);
  table.track(process);
  EXPECT_EQ(table.living_tracked(), 1U);
  table.end(process, BootNs{5});
  table.end(process, BootNs{6});
  EXPECT_EQ(table.living_tracked(), 0U);
}

}  // namespace
}  // namespace alibi::recorder
