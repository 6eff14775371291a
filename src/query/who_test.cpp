#include "query/who.hpp"

#include <gmock/gmock.h>

#include "query/fake_log.hpp"

namespace alibi::query {
namespace {

using event::Grade;
using event::Kind;
using event::ProcessKey;
using testing::ElementsAre;

constexpr ProcessKey kInit{.start_us = 10, .pid = 1};
constexpr ProcessKey kShell{.start_us = 1'000'000, .pid = 100};
constexpr ProcessKey kCurl{.start_us = 5'000'000, .pid = 200};
constexpr ProcessKey kOther{.start_us = 5'500'000, .pid = 201};

WhoQuestion about(std::string_view endpoint) {
  return {.endpoint = event::parse_endpoint(endpoint)};
}

/// init, a shell, and curl started by it.
void add_family(FakeLog& log) {
  auto& init = log.add(Kind::Process, 2000);
  init.process = kInit;
  init.exe = "/sbin/init";
  init.args = {"init"};
  log.fork(kShell, kInit);
  log.exec(kShell, 1001, {"/bin/sh", "-c", "curl; rm"});
  log.fork(kCurl, kShell);
  log.exec(kCurl, 5001, {"/usr/bin/curl", "-s", "http://192.0.2.7/"}).extra = {{"ino", "7"},
                                                                               {"cwd", "/tmp"}};
}

TEST(Who, JoinsProcessAncestorsAndImage) {
  FakeLog log;
  add_family(log);
  auto& image = log.add(Kind::Image, 5100);
  image.name = "/usr/bin/curl";
  image.extra = {{"sha256", "abcd"}, {"package", "curl"}, {"version", "7.88"}, {"ino", "7"}};
  log.flow(Kind::FlowClose, kCurl, 5200, "refused").extra = {{"started_ns", "5150000000"},
                                                             {"ended_ns", "5199000000"}};

  const auto answer = who(log, about("192.0.2.7:443"));
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->flows.size(), 1U);
  const FlowAnswer& flow = answer->flows[0];
  EXPECT_EQ(flow.flow.state, "refused");
  EXPECT_EQ(flow.flow.start, FakeLog::wall(5150));
  EXPECT_EQ(flow.flow.end, FakeLog::wall(5199));
  EXPECT_EQ(flow.flow.grade, Grade::Proven);
  ASSERT_TRUE(flow.process);
  EXPECT_EQ(flow.process->exe, "/usr/bin/curl");
  EXPECT_THAT(flow.process->args, ElementsAre("/usr/bin/curl", "-s", "http://192.0.2.7/"));
  EXPECT_EQ(flow.process->sha256, "abcd");
  EXPECT_EQ(flow.process->package, "curl");
  EXPECT_EQ(flow.process->cwd, "/tmp");
  EXPECT_EQ(flow.process->start, FakeLog::wall(5000));
  ASSERT_EQ(flow.ancestors.size(), 2U);
  EXPECT_EQ(flow.ancestors[0].exe, "/bin/sh");
  EXPECT_EQ(flow.ancestors[1].exe, "/sbin/init");
}

TEST(Who, MatchesLocalSideAddressAloneAndProtocol) {
  FakeLog log;
  add_family(log);
  log.flow(Kind::FlowClose, kCurl, 5200, "closed");
  EXPECT_EQ(who(log, about("10.0.0.1:40000"))->flows.size(), 1U);
  EXPECT_EQ(who(log, about("192.0.2.7"))->flows.size(), 1U);
  EXPECT_EQ(who(log, about("192.0.2.7:80"))->flows.size(), 0U);
  WhoQuestion udp = about("192.0.2.7");
  udp.proto = "udp";
  EXPECT_EQ(who(log, udp)->flows.size(), 0U);
}

TEST(Who, LastExecBeforeTheFlowDecides) {
  FakeLog log;
  add_family(log);
  log.flow(Kind::FlowOpen, kCurl, 5200, "established").extra = {{"started_ns", "5150000000"}};
  log.exec(kCurl, 5300, {"/bin/sleep", "9"});
  log.flow(Kind::FlowClose, kCurl, 6000, "closed").extra = {{"started_ns", "5150000000"}};
  const auto answer = who(log, about("192.0.2.7"));
  ASSERT_EQ(answer->flows.size(), 1U);
  EXPECT_EQ(answer->flows[0].process->exe, "/usr/bin/curl");
}

TEST(Who, TheRecordsOwnImageWinsOverTheTime) {
  FakeLog log;
  add_family(log);
  log.exec(kCurl, 5300, {"/bin/nc"});
  auto& close = log.flow(Kind::FlowClose, kCurl, 6000, "closed");
  close.exe = "/bin/nc";
  close.extra = {{"started_ns", "5150000000"}};
  EXPECT_EQ(who(log, about("192.0.2.7"))->flows[0].process->exe, "/bin/nc");
}

TEST(Who, NoOtherImageStandsInForOneWhoseExecIsLost) {
  FakeLog log;
  add_family(log);
  log.fork(kOther, kShell);
  log.flow(Kind::FlowClose, kOther, 6000, "closed").exe = "/usr/bin/wget";
  const auto answer = who(log, about("192.0.2.7"));
  EXPECT_EQ(answer->flows[0].process->exe, "/usr/bin/wget");
  EXPECT_TRUE(answer->flows[0].process->args.empty());
}

TEST(Who, ForkWithoutExecInheritsTheParentsImageOfThatMoment) {
  FakeLog log;
  add_family(log);
  const ProcessKey child{.start_us = 5'010'000, .pid = 300};
  log.fork(child, kCurl);
  log.exec(kCurl, 5020, {"/bin/true"});
  log.flow(Kind::FlowClose, child, 5200, "closed");
  const auto answer = who(log, about("192.0.2.7"));
  EXPECT_EQ(answer->flows[0].process->exe, "/usr/bin/curl");
  EXPECT_EQ(answer->flows[0].process->user, "root");
  EXPECT_EQ(answer->flows[0].ancestors[0].exe, "/usr/bin/curl");
}

TEST(Who, ForkThatNamesItsImageHasTheArgumentsOfTheParent) {
  FakeLog log;
  add_family(log);
  log.fork(kOther, kCurl).exe = "/usr/bin/curl";
  log.flow(Kind::FlowClose, kOther, 6000, "closed").exe = "/usr/bin/curl";
  const auto answer = who(log, about("192.0.2.7"));
  EXPECT_THAT(answer->flows[0].process->args,
              ElementsAre("/usr/bin/curl", "-s", "http://192.0.2.7/"));
}

TEST(Who, AdoptedProcessKeepsTheParentThatStartedIt) {
  FakeLog log;
  add_family(log);
  log.exec(kCurl, 5100, {"/usr/bin/curl"}).parent = kInit;
  log.flow(Kind::FlowClose, kCurl, 5200, "closed").parent = kInit;
  const auto answer = who(log, about("192.0.2.7"));
  EXPECT_EQ(answer->flows[0].ancestors[0].key, kShell);
}

TEST(Who, SeveralUsersMakeItAmbiguousAndAllAreListed) {
  FakeLog log;
  add_family(log);
  log.fork(kOther, kShell);
  log.flow(Kind::FlowClose, kCurl, 6000, "closed").extra = {
      {"creator", "100@1000000"},
      {"users", "200@5000000:send:10:0,201@5500000:recv:0:20"},
      {"holders", "1@10"}};
  const auto answer = who(log, about("192.0.2.7"));
  const FlowAnswer& flow = answer->flows[0];
  EXPECT_EQ(flow.flow.grade, Grade::Ambiguous);
  ASSERT_EQ(flow.holders.size(), 4U);
  EXPECT_TRUE(flow.holders[0].holder.is_creator);
  EXPECT_EQ(flow.holders[1].holder.how, "send");
  EXPECT_EQ(flow.holders[1].holder.bytes_out, 10U);
  EXPECT_EQ(flow.holders[2].holder.bytes_in, 20U);
  EXPECT_EQ(flow.holders[2].process.exe, "/bin/sh");
  EXPECT_TRUE(flow.holders[3].holder.is_holder);
}

TEST(Who, CreatorAndOneUserIsNotAmbiguous) {
  FakeLog log;
  add_family(log);
  log.flow(Kind::FlowClose, kCurl, 6000, "closed").extra = {{"creator", "100@1000000"},
                                                            {"users", "200@5000000:send:10:0"}};
  EXPECT_EQ(who(log, about("192.0.2.7"))->flows[0].flow.grade, Grade::Proven);
}

TEST(Who, SocketUseAddsAUserToAnOpenFlow) {
  FakeLog log;
  add_family(log);
  log.flow(Kind::FlowOpen, kCurl, 5200, "established").extra = {{"users", "200@5000000:send:1:1"}};
  log.fork(kOther, kCurl);
  log.flow(Kind::SocketUse, kOther, 5600, "");
  const auto answer = who(log, about("192.0.2.7"));
  ASSERT_EQ(answer->flows.size(), 1U);
  EXPECT_EQ(answer->flows[0].flow.state, "established");
  EXPECT_EQ(answer->flows[0].flow.grade, Grade::Ambiguous);
  EXPECT_FALSE(answer->flows[0].flow.end);
}

TEST(Who, UnknownStaysUnknown) {
  FakeLog log;
  auto& flow = log.flow(Kind::FlowClose, kCurl, 5200, "closed");
  flow.process.reset();
  flow.grade = Grade::Unknown;
  const auto answer = who(log, about("192.0.2.7"));
  EXPECT_FALSE(answer->flows[0].process);
  EXPECT_TRUE(answer->flows[0].ancestors.empty());
}

TEST(Who, NextConversationOfTheSameSocketIsAnotherFlow) {
  FakeLog log;
  add_family(log);
  log.flow(Kind::FlowClose, kCurl, 5200, "idle").extra = {{"started_ns", "5100000000"}};
  log.flow(Kind::FlowClose, kCurl, 9200, "closed").extra = {{"started_ns", "9100000000"}};
  EXPECT_EQ(who(log, about("192.0.2.7"))->flows.size(), 2U);
}

TEST(Who, AtKeepsWhatWasAliveAndNamesTheNearest) {
  FakeLog log;
  add_family(log);
  log.flow(Kind::FlowClose, kCurl, 6000, "closed").extra = {{"started_ns", "5100000000"}};
  WhoQuestion question = about("192.0.2.7");
  question.at = Moment{FakeLog::wall(5500), FakeLog::wall(5501)};
  EXPECT_EQ(who(log, question)->flows.size(), 1U);
  question.at = Moment{FakeLog::wall(9000), FakeLog::wall(9001)};
  const auto later = who(log, question);
  EXPECT_TRUE(later->flows.empty());
  ASSERT_TRUE(later->nearest);
  EXPECT_EQ(later->nearest->end, FakeLog::wall(6000));
}

TEST(Who, NameIgnoresCaseAndTrailingDot) {
  FakeLog log;
  add_family(log);
  log.flow(Kind::FlowClose, kCurl, 6000, "closed").name = "Example.ORG";
  EXPECT_EQ(who(log, {.name = "example.org."})->flows.size(), 1U);
  EXPECT_EQ(who(log, {.port = 443, .name = "example.org"})->flows.size(), 1U);
  auto& question = log.add(Kind::DnsQuery, 5100);
  question.process = kCurl;
  question.name = "example.org";
  const auto other_port = who(log, {.port = 80, .name = "example.org"});
  EXPECT_EQ(other_port->flows.size(), 0U);
  EXPECT_EQ(other_port->names.size(), 0U) << "it was not only asked for";
}

TEST(Who, NameWithoutAFlowSaysWhoAsked) {
  FakeLog log;
  add_family(log);
  for (const std::uint64_t ms : {5100U, 5200U}) {
    auto& question = log.add(Kind::DnsQuery, ms);
    question.process = kCurl;
    question.name = "example.org";
  }
  const auto answer = who(log, {.name = "EXAMPLE.org"});
  EXPECT_TRUE(answer->flows.empty());
  ASSERT_EQ(answer->names.size(), 1U);
  EXPECT_EQ(answer->names[0].times, 2U);
  EXPECT_EQ(answer->names[0].process->exe, "/usr/bin/curl");
}

TEST(Who, ReplacedFileIsNotGivenTheHashOfItsPredecessor) {
  FakeLog log;
  auto& image = log.add(Kind::Image, 10);
  image.name = "/usr/bin/curl";
  image.extra = {{"sha256", "old"}, {"ino", "6"}};
  add_family(log);
  log.flow(Kind::FlowClose, kCurl, 6000, "closed");
  EXPECT_EQ(who(log, about("192.0.2.7"))->flows[0].process->sha256, "");
}

TEST(Who, SamePidAndStartOfAnotherBootIsAnotherProcess) {
  FakeLog log;
  add_family(log);
  log.begin_boot("boot-b");
  log.flow(Kind::FlowClose, kCurl, 6000, "closed");
  EXPECT_EQ(who(log, about("192.0.2.7"))->flows[0].process->exe, "");
}

TEST(Who, ManyProcessesAtOnceGetTheirOwnParents) {
  FakeLog log;
  add_family(log);
  for (std::uint32_t i = 0; i < 20; ++i) {
    const ProcessKey shell{.start_us = 10'000'000 + i * 10'000, .pid = 1000 + i};
    const ProcessKey leaf{.start_us = 10'001'000 + i * 10'000, .pid = 2000 + i};
    log.fork(shell, kShell);
    log.exec(shell, shell.start_us / 1000, {"/bin/bash", std::to_string(i)});
    log.fork(leaf, shell);
    log.exec(leaf, leaf.start_us / 1000 + 1, {"/bin/leaf", std::to_string(i)});
    log.flow(Kind::FlowClose, leaf, leaf.start_us / 1000 + 2, "closed").flow = std::to_string(i);
  }
  const auto answer = who(log, about("192.0.2.7"));
  ASSERT_EQ(answer->flows.size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(answer->flows[i].process->args[1], std::to_string(i));
    ASSERT_EQ(answer->flows[i].ancestors.size(), 3U);
    EXPECT_EQ(answer->flows[i].ancestors[0].args[1], std::to_string(i));
  }
}

}  // namespace
}  // namespace alibi::query
