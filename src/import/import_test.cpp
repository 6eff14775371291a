#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/draft.hpp"
#include "import/event_xml.hpp"
#include "import/foreign_time.hpp"
#include "import/host_log.hpp"
#include "import/identities.hpp"
#include "import/json_event.hpp"

namespace alibi::import {
namespace {

using testing::ElementsAre;

TEST(CommandLine, IsSplitAsWindowsDoes) {
  EXPECT_THAT(split_command_line(R"("C:\a b\c.exe" /x  "y z")"),
              ElementsAre(R"(C:\a b\c.exe)", "/x", "y z"));
  EXPECT_THAT(split_command_line(R"(a\\b d"e f"g h)"), ElementsAre(R"(a\\b)", "de fg", "h"));
  EXPECT_THAT(split_command_line(R"(a\\\"b c d)"), ElementsAre(R"(a\"b)", "c", "d"));
  EXPECT_THAT(split_command_line(R"(a "" \)"), ElementsAre("a", "", R"(\)"));
  EXPECT_THAT(split_command_line(""), ElementsAre());
}

TEST(ForeignTime, ReadsTheFormsThatOccur) {
  const auto time = parse_foreign_time("2020-08-06 15:56:04.580");
  ASSERT_TRUE(time);
  EXPECT_EQ(event::to_text(*time), "2020-08-06T15:56:04.580000Z");
  EXPECT_EQ(parse_foreign_time("2020-08-06T15:56:04.5800000Z"), time);
  EXPECT_EQ(parse_foreign_time("2020-08-06T17:56:04.58+02:00"), time);
  EXPECT_EQ(parse_foreign_time("1596729364.580"), time);
  for (const char* wrong : {"", "2020", "2020-13-01 00:00:00", "2020-08-06 25:00:00", "x",
                            "2020-08-06 15:56:04.580Zx", "99999999999999999999"})
    EXPECT_FALSE(parse_foreign_time(wrong)) << wrong;
}

TEST(EventXml, KeepsWhatWasThereBeforeTheCut) {
  const std::string whole =
      R"(<Event><System><Provider Name="Linux-Sysmon"/><EventID>5</EventID></System>)"
      R"(<EventData><Data Name="ProcessId">42</Data><Data Name="Image">/bin/sh</Data></EventData></Event>)";
  ASSERT_TRUE(parse_event_xml(whole));
  EXPECT_FALSE(parse_event_xml(whole)->is_cut);
  const auto cut = parse_event_xml(whole.substr(0, whole.find("/bin/sh") + 3));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->is_cut);
  EXPECT_EQ(cut->get("ProcessId"), "42");
  EXPECT_EQ(cut->get("Image"), "");
  EXPECT_FALSE(parse_event_xml("<!DOCTYPE x><Event><System><EventID>5</EventID></System></Event>"));
  EXPECT_FALSE(parse_event_xml("<Event><a></b></Event>"));
}

TEST(Image, IsOneInBothWaysOfWriting) {
  EXPECT_EQ(plain_image(R"(C:\Windows\System32\svchost.exe)"),
            plain_image(R"(\device\harddiskvolume2\windows\system32\svchost.exe)"));
  EXPECT_NE(plain_image(R"(C:\a\svchost.exe)"), plain_image(R"(C:\b\svchost.exe)"));
}

constexpr const char* kGuid = "{49a15388-281e-5f2c-4205-000000000400}";
constexpr std::int64_t kStartNs = 0x5f2c281eLL * 1'000'000'000;

TEST(Identities, OnePidInOneSecondIsTwoProcessesWhenTheGuidsDiffer) {
  Identities known;
  const auto a = known.by_guid(kGuid, 42, kStartNs);
  const auto b = known.by_guid("{49a15388-281e-5f2c-4305-000000000400}", 42, kStartNs);
  ASSERT_TRUE(a && b);
  EXPECT_NE(known.life(*a).key, known.life(*b).key);
  EXPECT_EQ(known.by_guid(kGuid, 42, kStartNs), a);
}

TEST(Identities, AForkedChildHasTheGuidOfItsParent) {
  Identities known;
  const auto parent = known.by_guid(kGuid, 42, kStartNs);
  const auto child = known.by_guid(kGuid, 43, kStartNs);
  ASSERT_TRUE(parent && child);
  EXPECT_EQ(known.life(*child).parent, known.life(*parent).key);
}

TEST(Identities, AGuidOfTheFutureOrWithoutTimeIsNone) {
  Identities known;
  EXPECT_FALSE(known.by_guid(kGuid, 42, kStartNs - 10LL * 86'400 * 1'000'000'000));
  EXPECT_FALSE(known.by_guid("{x}", 42, kStartNs));
}

Draft draft_of(const std::string& json) {
  const auto event = parse_json_event(json);
  EXPECT_TRUE(event) << (event ? "" : event.error().message);
  auto draft = make_draft(*event);
  EXPECT_TRUE(draft) << (draft ? "" : draft.error().message);
  return std::move(*draft);
}

std::string security(int id, const std::string& time, const std::string& rest) {
  return R"({"SourceName":"Microsoft-Windows-Security-Auditing","Hostname":"h","EventID":)" +
         std::to_string(id) + R"(,"EventTime":"2020-08-06 )" + time + R"(",)" + rest + "}";
}

std::string connection(const std::string& time, const std::string& pid) {
  return security(5156, time,
                  R"("Application":"\\device\\harddiskvolume2\\a.exe","Direction":"%%14593",)"
                  R"("SourceAddress":"10.0.0.1","SourcePort":"50000","DestAddress":"10.0.0.2",)"
                  R"("DestPort":"80","Protocol":"6","ProcessId":")" +
                      pid + "\"");
}

std::string creation(const std::string& time, const std::string& pid) {
  return security(
      4688, time,
      R"("NewProcessName":"C:\\a.exe","ProcessId":"0x1","NewProcessId":")" + pid + "\"");
}

const event::Record& flow_in(const HostLog::Finished& finished) {
  const auto found =
      std::ranges::find(finished.records, event::Kind::FlowOpen, &event::Record::kind);
  EXPECT_NE(found, finished.records.end());
  return *found;
}

TEST(HostLog, APidIsTheProcessThatWasAliveThen) {
  HostLog host("h");
  host.add(draft_of(creation("10:00:00", "0x2a")));
  host.add(draft_of(security(4689, "10:00:10", R"("ProcessName":"C:\\a.exe","ProcessId":"0x2a")")));
  host.add(draft_of(creation("10:01:00", "0x2a")));
  host.add(draft_of(connection("10:01:30", "42")));
  const auto finished = host.finish();
  const auto& flow = flow_in(finished);
  ASSERT_TRUE(flow.process);
  EXPECT_EQ(flow.process->start_us / 1'000'000 % 3600, 60U);
  EXPECT_EQ(flow.grade, event::Grade::Likely);
}

TEST(HostLog, APidOfTwoThatWereAliveIsAmbiguous) {
  HostLog host("h");
  host.add(draft_of(creation("10:00:00", "0x2a")));  // its end is not in the log
  host.add(draft_of(creation("10:01:00", "0x2a")));
  host.add(draft_of(connection("10:01:30", "42")));
  const auto finished = host.finish();
  const auto& flow = flow_in(finished);
  EXPECT_FALSE(flow.process);
  EXPECT_EQ(flow.grade, event::Grade::Ambiguous);
}

TEST(HostLog, APidThatNothingElseKnowsBeginsWhenItIsMentioned) {
  HostLog host("h");
  host.add(draft_of(connection("10:01:30", "42")));
  const auto finished = host.finish();
  const auto& flow = flow_in(finished);
  ASSERT_TRUE(flow.process);
  EXPECT_EQ(flow.find_extra("by"), "pid_first_seen");
  EXPECT_EQ(flow.local->port, 50000);
}

}  // namespace
}  // namespace alibi::import
