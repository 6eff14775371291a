#include "recorder/loss_ledger.hpp"

#include <gtest/gtest.h>

namespace alibi::recorder {
namespace {

alibi_counters counters(std::uint64_t lost_execs) {
  alibi_counters c{};
  c.lost[ALIBI_RING_PROCESS][ALIBI_RECORD_EXEC] = lost_execs;
  return c;
}

TEST(LossLedger, TellsEachLossOnceWithItsInterval) {
  LossLedger ledger;
  ledger.observe({counters(0)}, BootNs{100});
  EXPECT_TRUE(ledger.take().empty());
  ledger.observe({counters(3), counters(4)}, BootNs{200});
  const auto losses = ledger.take();
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_EQ(losses[0].reason, "ring_full");
  EXPECT_EQ(losses[0].what, "exec");
  EXPECT_EQ(losses[0].count, 7U);
  EXPECT_EQ(losses[0].from, BootNs{100});
  EXPECT_EQ(losses[0].to, BootNs{200});
  ledger.observe({counters(3), counters(4)}, BootNs{300});
  EXPECT_TRUE(ledger.take().empty());
  EXPECT_EQ(ledger.total(), 7U);
}

TEST(LossLedger, ARestartedOneGoesOnFromItsOwnRecords) {
  LossLedger first;
  first.observe({counters(5)}, BootNs{100});
  LossLedger second;
  for (const Loss& loss : first.take())
    second.restore(to_record(loss));
  second.observe({counters(6)}, BootNs{200});
  const auto losses = second.take();
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_EQ(losses[0].count, 1U);
  EXPECT_EQ(losses[0].total, 6U);
}

TEST(LossLedger, NewRingsCountFromZeroAgain) {
  LossLedger first;
  first.observe({counters(5)}, BootNs{100});
  LossLedger second;
  for (const Loss& loss : first.take())
    second.restore(to_record(loss));
  second.begin(/*has_taken_over_rings=*/false);
  second.observe({counters(2)}, BootNs{200});
  const auto losses = second.take();
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_EQ(losses[0].count, 2U);
  EXPECT_EQ(losses[0].total, 7U);
}

TEST(LossLedger, ARestartedOneGoesOnFromTheSegmentHead) {
  LossLedger first;
  first.observe({counters(5)}, BootNs{100});
  first.observe("perf_buffer_full", "side_band", 9, BootNs{100});
  event::Record head;
  head.kind = event::Kind::Segment;
  head.extra = {{"lost", first.totals_text()}};
  LossLedger second;
  second.restore(head);
  second.begin(/*has_taken_over_rings=*/true);
  second.observe({counters(5)}, BootNs{200});
  second.observe("perf_buffer_full", "side_band", 0, BootNs{200});
  EXPECT_TRUE(second.take().empty());
  EXPECT_EQ(second.total(), 14U);
}

}  // namespace
}  // namespace alibi::recorder
