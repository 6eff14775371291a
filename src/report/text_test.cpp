#include "report/text.hpp"

#include <gmock/gmock.h>

#include "report/json.hpp"
#include "report/status.hpp"

namespace alibi::report {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Printable, NothingReachesTheTerminalThatMovesIt) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("\r\n\t\x7f"), "\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u{009b}31m");  // C1 control sequence introducer
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "gnp.exe"),
            "\\u{202e}gnp.exe");  // right-to-left override
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("grün → 日本"), "grün → 日本");
}

TEST(Cut, CountsCharactersNotBytesOrColours) {
  EXPECT_EQ(cut("grün", 4), "grün");
  EXPECT_EQ(cut("grünes", 4), "grü…");
  const std::string red = "\x1b[31mabcdef\x1b[0m";
  EXPECT_EQ(width_of(red), 6U);
  EXPECT_EQ(cut(red, 6), red);
  EXPECT_EQ(cut(red, 3), "\x1b[31mab…\x1b[0m");
}

TEST(Units, OneGlanceIsEnough) {
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(duration_text(1'500'000), "1.5 ms");
  EXPECT_EQ(duration_text(90'000'000'000), "1 min 30 s");
  EXPECT_EQ(count_text(1, "flow"), "1 flow");
}

query::FlowAnswer refused_by_curl() {
  query::FlowAnswer answer;
  answer.flow.proto = "tcp";
  answer.flow.remote = event::parse_endpoint("127.0.0.1:8000");
  answer.flow.direction = event::Direction::Out;
  answer.flow.state = "refused";
  answer.flow.grade = event::Grade::Proven;
  answer.flow.via = "connect";
  answer.process = query::Process{.key = {.start_us = 5, .pid = 4242},
                                  .exe = "/usr/bin/curl",
                                  .args = {"curl", "\xff"},
                                  .user = "root"};
  return answer;
}

TEST(WhoText, FirstLineIsTheAnswer) {
  query::WhoAnswer answer;
  answer.flows.push_back(refused_by_curl());
  EXPECT_THAT(to_text(answer, {}),
              testing::StartsWith(
                  "/usr/bin/curl (pid 4242, user root) tried to connect to 127.0.0.1:8000 at "
                  "1970-01-01 00:00:00.000Z - refused\n"));
  answer.flows[0].process.reset();
  EXPECT_THAT(to_text(answer, {}),
              testing::StartsWith("A process that cannot be named tried to connect"));
}

TEST(WhoText, FlowsOfOneProcessAreOneParagraph) {
  query::WhoAnswer answer;
  for (int i = 0; i < 20; ++i)
    answer.flows.push_back(refused_by_curl());
  const std::string text = to_text(answer, {});
  EXPECT_THAT(text, HasSubstr("20 times"));
  EXPECT_THAT(text, HasSubstr("8 more"));
  EXPECT_EQ(text.find("certainty"), text.rfind("certainty"));
}

query::TreeAnswer tree_of(const std::string& argument) {
  query::TreeAnswer answer;
  query::Process process{
      .key = {.start_us = 5, .pid = 7}, .exe = "/bin/sh", .args = {"sh", argument}};
  answer.ancestors.push_back(process);
  answer.root.process = process;
  answer.root.end = WallNs{2'000'000'000};
  answer.root.exit = "0";
  return answer;
}

TEST(TreeText, LongCommandLinesGiveWay) {
  const query::TreeAnswer answer = tree_of(std::string(5000, 'x') + "END");
  EXPECT_LT(to_text(answer, {}).size(), 600U);
  EXPECT_THAT(to_text(answer, {}), HasSubstr("exit 0]"));
  // On a narrow terminal how it ended is still there.
  EXPECT_THAT(to_text(answer, {.columns = 80}), HasSubstr("…  [00:00:00.000, 2.0 s, exit 0]\n"));
  EXPECT_THAT(to_text(answer, {.command_columns = 0}), HasSubstr("xEND  [00:00"));
  EXPECT_THAT(to_text(tree_of("short"), {}),
              HasSubstr("sh short  [00:00:00.000, 2.0 s, exit 0]\n"));
}

TEST(Colour, OnlyWhenAsked) {
  query::WhoAnswer answer;
  answer.flows.push_back(refused_by_curl());
  EXPECT_THAT(to_text(answer, {}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(to_text(answer, {.has_colour = true}), HasSubstr("\x1b[1m"));
}

TEST(Json, UnknownProcessIsNullAndOddBytesStayJson) {
  query::FlowAnswer answer = refused_by_curl();
  EXPECT_THAT(to_json(answer), HasSubstr("\"args\":[\"curl\",\"\xef\xbf\xbd\"]"));
  answer.process.reset();
  EXPECT_THAT(to_json(answer), HasSubstr("\"process\":null"));
}

TEST(Json, EmptyColumnsAreLeftOutAndNumbersAreNumbers) {
  event::Record record;
  record.seq = 7;
  record.kind = event::Kind::FlowClose;
  record.bytes_out = 0;
  record.extra = {{"packets_out", "3"}};
  EXPECT_EQ(
      to_json(record),
      "{\"seq\":7,\"time\":\"1970-01-01T00:00:00.000000Z\",\"boot_ns\":0,\"kind\":\"flow_close\","
      "\"bytes_out\":0,\"extra\":{\"packets_out\":\"3\"}}");
}

TEST(Status, ReadsWhatItKnowsAndKeepsTheRest) {
  const auto status = parse_status(
      R"({"recording":true,"since":"2026-11-22T00:00:00Z","sensors":[{"name":"exec","state":"failed","hook":"h"}],)"
      R"("records":5,"lost":{"total":2,"by_reason":{"ring":2}},"disk":{"bytes":1,"budget":2,"fault":"ENOSPC"},"new":1})");
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->is_recording);
  EXPECT_EQ(status->lost_by_reason.at("ring"), 2U);
  EXPECT_EQ(status->sensors[0].state, "failed");
  EXPECT_EQ(status->disk_fault, "ENOSPC");
  EXPECT_THAT(to_json(*status), HasSubstr("\"new\":1"));
  EXPECT_FALSE(parse_status("{"));
  EXPECT_FALSE(parse_status("[]"));
  EXPECT_TRUE(parse_status(R"({"sensors":7,"lost":"x","disk":[],"records":-1})"));
}

}  // namespace
}  // namespace alibi::report
