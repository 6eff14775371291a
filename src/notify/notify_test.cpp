#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "notify/grouping.hpp"
#include "notify/message.hpp"
#include "notify/outbox.hpp"

namespace alibi::notify {
namespace {

using ::testing::HasSubstr;

WallNs second(std::int64_t s) { return {s * 1'000'000'000}; }

Finding finding(const std::string& host, const std::string& category, std::int64_t at_s,
                std::uint64_t flows = 1) {
  return {.host = host,
          .category = category,
          .what = category + "/2",
          .meaning = "upload of private files",
          .diagnosed = second(1'700'000'000),
          .at = second(at_s),
          .action = "drop",
          .flows = flows,
          .packets = 5,
          .persons = {"admin"}};
}

TEST(Grouping, FirstAtOnceThenCounted) {
  Grouping grouping(600'000);
  grouping.add(finding("10.0.0.1", "leak", 1000));
  auto due = grouping.take_due(second(1000));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_TRUE(due[0].is_first);
  grouping.add(finding("10.0.0.1", "leak", 1001));
  grouping.add(finding("10.0.0.1", "leak", 1500, 0));
  EXPECT_TRUE(grouping.take_due(second(1599)).empty());
  due = grouping.take_due(second(1600));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_FALSE(due[0].is_first);
  EXPECT_EQ(due[0].flows, 1U);
  EXPECT_EQ(due[0].packets, 10U);
  EXPECT_EQ(due[0].first_seen.ns, second(1001).ns);
  EXPECT_TRUE(grouping.take_due(second(9999)).empty());
}

TEST(Grouping, HostsAndCategoriesApart) {
  Grouping grouping(600'000);
  for (const char* host : {"10.0.0.1", "10.0.0.2"})
    for (const char* category : {"leak", "scan"})
      grouping.add(finding(host, category, 1000));
  EXPECT_EQ(grouping.take_due(second(1000)).size(), 4U);
}

TEST(Grouping, ClockSetBackDelaysNothing) {
  Grouping grouping(600'000);
  grouping.add(finding("10.0.0.1", "leak", 5000));
  EXPECT_EQ(grouping.take_due(second(5000)).size(), 1U);
  grouping.add(finding("10.0.0.1", "leak", 100));
  EXPECT_EQ(grouping.take_due(second(100)).size(), 1U);
}

TEST(Grouping, TextSaysAll) {
  Grouping grouping(1000);
  grouping.add(finding("fd00::1", "leak", 1'700'000'100));
  const auto report = grouping.take_all().at(0);
  EXPECT_EQ(subject_of(report), "alibi: fd00::1: leak/2");
  EXPECT_THAT(
      text_of(report),
      HasSubstr("What:      leak/2 (upload of private files)\nSince:     2023-11-14 22:13:20 UTC"));
  EXPECT_THAT(text_of(report), HasSubstr("Seen:      1 flows, 5 packets, 2023-11-14 22:15:00 UTC"));
  EXPECT_THAT(text_of(report), HasSubstr("Done:      its packets are dropped"));
}

TEST(Messenger, OnlyTheReceiptOfTheMessage) {
  EXPECT_TRUE(is_receipt("1:17:user:host:33:4711", "4711"));
  EXPECT_TRUE(is_receipt(std::string_view("1:17:user:host:8388641:4711\0group", 33), "4711"))
      << "with options";
  EXPECT_TRUE(is_receipt("1:17:user:host:33:4711:", "4711"));
  EXPECT_FALSE(is_receipt("1:17:user:host:33:47110", "4711")) << "of another message";
  EXPECT_FALSE(is_receipt("1:17:user:host:33:471", "4711"));
  EXPECT_FALSE(is_receipt("1:17:user:host:32:4711", "4711")) << "a message, not a receipt";
  EXPECT_FALSE(is_receipt("1:17:user:host:33", "4711"));
  EXPECT_FALSE(is_receipt("1:17:user:33:4711", "4711"));
  EXPECT_FALSE(is_receipt("", "4711"));
}

TEST(Outbox, KeepsUntilRemoved) {
  char path[] = "/tmp/alibi-outbox-XXXXXX";
  const std::filesystem::path directory = ::mkdtemp(path);
  auto outbox = Outbox::open(directory / "outbox");
  ASSERT_TRUE(outbox);
  Message message{.channel = Channel::Webhook,
                  .target = {"http://example.org/"},
                  .subject = "s",
                  .text = "\xff\n"};
  ASSERT_TRUE(outbox->put(message));
  ASSERT_TRUE(outbox->put(message));
  std::ofstream(directory / "outbox" / "0.json") << "{\"channel\": \"pigeon\"}";
  auto again = Outbox::open(directory / "outbox");
  auto entries = again->list();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_NE(entries[0].message.id, entries[1].message.id);
  EXPECT_TRUE(std::filesystem::exists(directory / "outbox" / "0.json.bad"));
  entries[0].message.attempts = 3;
  ASSERT_TRUE(again->rewrite(entries[0]));
  again->remove(entries[1]);
  entries = again->list();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].message.attempts, 3U);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace alibi::notify
