// The rules of docs/matching.md on facts made by hand.

#include "match/judge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "match/alteration.hpp"

namespace alibi::match {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kNoon = 1'700'000'000 * kSecondNs;
constexpr std::int64_t kSixDaysNs = 6LL * 86'400 * kSecondNs;

event::Endpoint end(const char* text) { return *event::parse_endpoint(text); }

/// One host, 10.0.0.1, that recorded all day.
class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    facts.hosts.push_back({.name = "host",
                           .addresses = {end("10.0.0.1").address},
                           .recorded = {{kNoon - kSixDaysNs, kNoon + kSixDaysNs}}});
    facts.clocks.push_back({.host = 0});
    facts.capture_start_ns = kNoon - 10 * kSecondNs;
  }

  CaptureFlow& seen(const std::string& source, const std::string& destination, std::int64_t at_s) {
    CaptureFlow flow{.protocol = 6,
                     .source = end(source.c_str()),
                     .destination = end(destination.c_str()),
                     .first = {kNoon + at_s * kSecondNs},
                     .last = {kNoon + at_s * kSecondNs},
                     .packets = 9,
                     .has_beginning = true};
    return facts.capture.emplace_back(flow);
  }

  HostFlow& logged(const std::string& local, const std::string& remote, std::int64_t at_s,
                   const std::string& process = "1@1") {
    HostFlow flow{.proto = "tcp",
                  .local = end(local.c_str()),
                  .remote = end(remote.c_str()),
                  .start_ns = kNoon + at_s * kSecondNs + ahead_ns,
                  .has_process = true,
                  .process = process};
    flow.end_ns = flow.start_ns + kSecondNs;
    return facts.flows.emplace_back(flow);
  }

  /// Seen and logged.
  void both(int port, std::int64_t at_s) {
    const std::string own = "10.0.0.1:" + std::to_string(port);
    seen(own, "192.0.2.7:443", at_s);
    logged(own, "192.0.2.7:443", at_s, std::to_string(port) + "@1");
  }

  Facts facts;
  std::int64_t ahead_ns = 0;  ///< the host's clock
};

TEST_F(JudgeTest, TwoFlowsThatAgreeTellAClockThatIsDaysOff) {
  ahead_ns = kSixDaysNs;
  both(50'000, 0);
  both(50'001, 20);
  const auto result = judge(facts);
  EXPECT_EQ(result.offsets[0].state, Offset::State::Estimated);
  EXPECT_EQ(result.offsets[0].ahead_ns, kSixDaysNs);
  for (const auto& flow : result.flows)
    EXPECT_EQ(flow.verdict, Verdict::Ours);
}

TEST_F(JudgeTest, OneFlowDaysOffProvesNothing) {
  ahead_ns = kSixDaysNs;
  both(50'000, 0);
  const auto result = judge(facts);
  EXPECT_EQ(result.flows[0].verdict, Verdict::Ambiguous);
  EXPECT_TRUE(result.flows[0].ends.empty());
}

TEST_F(JudgeTest, OneFlowOfASetClockIsWeak) {
  both(50'000, 0);
  const auto result = judge(facts);
  ASSERT_EQ(result.flows[0].verdict, Verdict::Ours);
  EXPECT_TRUE(result.flows[0].ends[0].is_weak);
}

TEST_F(JudgeTest, FixedPortsTellNoClock) {
  seen("10.0.0.1:123", "192.0.2.7:123", 0).protocol = 17;
  logged("10.0.0.1:123", "192.0.2.7:123", 0).proto = "udp";
  const auto result = judge(facts);
  EXPECT_EQ(result.offsets[0].state, Offset::State::Unknown);
  EXPECT_EQ(result.flows[0].verdict, Verdict::Ambiguous);
}

TEST_F(JudgeTest, GroupsThatContradictTellNoClock) {
  both(50'000, 0);
  ahead_ns = 100 * kSecondNs;
  both(50'001, 20);
  const auto result = judge(facts);
  EXPECT_EQ(result.offsets[0].state, Offset::State::Unknown);
}

TEST_F(JudgeTest, AReusedPortIsTheFlowOfThatTime) {
  both(50'000, 0);
  both(50'001, 20);
  logged("10.0.0.1:50000", "192.0.2.7:443", 3600, "other@1");
  const auto result = judge(facts);
  ASSERT_EQ(result.flows[0].ends.size(), 1U);
  EXPECT_EQ(facts.flows[result.flows[0].ends[0].flow].process, "50000@1");
}

TEST_F(JudgeTest, TwoProcessesAtThatTimeAreAmbiguous) {
  both(50'000, 0);
  both(50'001, 20);
  both(50'002, 40);
  logged("10.0.0.1:50000", "192.0.2.7:443", 0, "other@1");
  const auto result = judge(facts);
  EXPECT_EQ(result.flows[0].verdict, Verdict::Ambiguous);
  EXPECT_TRUE(result.flows[0].ends.empty());
  EXPECT_EQ(result.flows[0].candidates.size(), 2U);
}

TEST_F(JudgeTest, AForgedAddressHasNoRecord) {
  both(50'000, 0);
  both(50'001, 20);
  seen("10.0.0.1:50009", "192.0.2.7:443", 30);
  const auto result = judge(facts);
  EXPECT_EQ(result.flows[2].verdict, Verdict::NoRecord);
  EXPECT_THAT(result.flows[2].reason, testing::HasSubstr("forged"));
  EXPECT_EQ(result.flows[2].host, 0U);
  EXPECT_EQ(result.flows[2].offset.state, Offset::State::Estimated);
}

TEST_F(JudgeTest, ALossIsTheReasonBeforeForgery) {
  both(50'000, 0);
  both(50'001, 20);
  seen("10.0.0.1:50009", "192.0.2.7:443", 30);
  facts.hosts[0].lossy.push_back({kNoon + 29 * kSecondNs, kNoon + 31 * kSecondNs});
  const auto result = judge(facts);
  EXPECT_EQ(result.flows[2].verdict, Verdict::NoRecord);
  EXPECT_THAT(result.flows[2].reason, testing::HasSubstr("lost events"));
}

TEST_F(JudgeTest, FlowsOfOthersAreNotOurs) {
  both(50'000, 0);
  both(50'001, 20);
  seen("172.16.0.9:50000", "198.51.100.1:443", 0);
  EXPECT_EQ(judge(facts).flows[2].verdict, Verdict::NotOurs);
}

TEST_F(JudgeTest, ATranslatedAddressWithKeptPortsIsFoundByTwoFlows) {
  ahead_ns = kSixDaysNs;
  for (const int port : {50'000, 50'001, 50'002}) {
    seen("203.0.113.5:" + std::to_string(port), "192.0.2.7:443", port % 100);
    logged("10.0.0.1:" + std::to_string(port), "192.0.2.7:443", port % 100, std::to_string(port));
  }
  const auto result = judge(facts);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(result.flows[i].verdict, Verdict::Ours);
    EXPECT_EQ(result.flows[i].ends[0].flow, i);
    EXPECT_EQ(result.flows[i].ends[0].method, Method::KeptPort);
  }
}

TEST_F(JudgeTest, OneKeptPortOfAForeignAddressIsChance) {
  both(50'000, 0);
  both(50'001, 20);
  seen("203.0.113.5:50002", "192.0.2.7:443", 30);
  logged("10.0.0.1:50002", "192.0.2.7:443", 30, "own@1");
  const auto result = judge(facts);
  EXPECT_EQ(result.flows[2].verdict, Verdict::Ambiguous);
  EXPECT_TRUE(result.flows[2].ends.empty());
}

TEST_F(JudgeTest, SequenceNumbersSeeThroughTranslatedPorts) {
  both(50'000, 0);
  both(50'001, 20);
  CaptureFlow& outside = seen("203.0.113.5:61000", "192.0.2.7:443", 30);
  outside.from_source.first_seq = 1111;
  outside.from_destination.first_seq = 2222;
  HostFlow& inside = logged("10.0.0.1:50002", "192.0.2.7:443", 30, "own@1");
  inside.wire.emplace();
  inside.wire->from_local.first_seq = 1111;
  inside.wire->from_remote.first_seq = 2222;
  auto result = judge(facts);
  ASSERT_EQ(result.flows[2].verdict, Verdict::Ours);
  EXPECT_EQ(result.flows[2].ends[0].method, Method::Sequence);
  facts.flows[2].wire->from_remote.first_seq = 3333;
  result = judge(facts);
  EXPECT_EQ(result.flows[2].verdict, Verdict::NotOurs);
}

TEST_F(JudgeTest, ATwinInTheCaptureTellsWhoIsBehindTheTranslation) {
  both(50'000, 0);
  both(50'001, 20);
  facts.capture[0].from_source.first_seq = 1111;
  facts.capture[0].from_destination.first_seq = 2222;
  CaptureFlow& outside = seen("203.0.113.5:61000", "192.0.2.7:443", 0);
  outside.from_source.first_seq = 1111;
  outside.from_destination.first_seq = 2222;
  const auto result = judge(facts);
  ASSERT_EQ(result.flows[2].verdict, Verdict::Ours);
  EXPECT_EQ(result.flows[2].ends[0].method, Method::Twin);
  EXPECT_EQ(result.flows[2].ends[0].flow, 0U);
}

TEST_F(JudgeTest, AnotherPayloadAtTheSamePlaceIsAnAlteration) {
  both(50'000, 0);
  both(50'001, 20);
  CaptureFlow& flow = facts.capture[0];
  flow.from_source.first_seq = 100;
  flow.from_source.contents = {{.seq = 101, .bytes = 20, .kept = 20, .hash = 7}};
  HostFlow& host = facts.flows[0];
  host.wire.emplace();
  host.wire->from_local.first_seq = 100;
  host.wire->from_local.contents = {{.seq = 101, .bytes = 20, .kept = 20, .hash = 7}};
  EXPECT_EQ(judge(facts).flows[0].verdict, Verdict::Ours);
  host.wire->from_local.contents[0].hash = 8;
  const auto result = judge(facts);
  EXPECT_EQ(result.flows[0].verdict, Verdict::Altered);
  EXPECT_THAT(result.flows[0].altered, testing::ElementsAre("payload out"));
}

}  // namespace
}  // namespace alibi::match
