#include "recorder/name_cache.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <string>

namespace alibi::recorder {
namespace {

using event::IpAddress;
using event::ProcessKey;

constexpr ProcessKey kCurl{.start_us = 100, .pid = 1};
constexpr ProcessKey kShell{.start_us = 50, .pid = 2};
constexpr ProcessKey kInit{.start_us = 1, .pid = 3};
constexpr ProcessKey kResolver{.start_us = 7, .pid = 4};

IpAddress address(std::uint32_t number) {
  IpAddress result;
  for (std::size_t i = 0; i < 4; ++i)
    result.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return result;
}

constexpr BootNs second(std::uint64_t s) { return {s * 1'000'000'000}; }

TEST(NameCache, OwnAnswerBeatsParentBeatsOthers) {
  NameCache cache;
  const ProcessKey ancestors[] = {kShell, kInit};
  cache.remember(kResolver, address(1), "other.test", second(10), 60);
  auto hit = cache.lookup(kCurl, ancestors, address(1), second(11));
  ASSERT_TRUE(hit.has_value());
  EXPECT_EQ(hit->name, "other.test");
  EXPECT_EQ(describe(*hit), "answer to another process 4@7");
  cache.remember(kShell, address(1), "shell.test", second(9), 60);
  hit = cache.lookup(kCurl, ancestors, address(1), second(11));
  EXPECT_EQ(hit->name, "shell.test");
  EXPECT_EQ(describe(*hit), "answer to parent");
  EXPECT_EQ(hit->told, kShell);
  cache.remember(kCurl, address(1), "own.test", second(8), 60);
  hit = cache.lookup(kCurl, ancestors, address(1), second(11));
  EXPECT_EQ(hit->name, "own.test");
  EXPECT_EQ(describe(*hit), "own answer");
  EXPECT_EQ(hit->told_at, second(8));
  EXPECT_FALSE(cache.lookup(kCurl, ancestors, address(2), second(11)).has_value());
}

TEST(NameCache, AReusedPidIsAnotherProcess) {
  NameCache cache;
  cache.remember(kCurl, address(1), "own.test", second(8), 60);
  const auto hit = cache.lookup(ProcessKey{.start_us = 999, .pid = 1}, {}, address(1), second(9));
  ASSERT_TRUE(hit.has_value());
  EXPECT_EQ(hit->source, NameSource::AnswerToOther);
}

TEST(NameCache, TimeToLiveAndGrace) {
  NameCache cache({.own_grace_s = 100, .other_grace_s = 10});
  cache.remember(kCurl, address(1), "a.test", second(1000), 50);
  EXPECT_FALSE(cache.lookup(kCurl, {}, address(1), second(999)).has_value());
  EXPECT_TRUE(cache.lookup(kCurl, {}, address(1), second(1000)).has_value());
  EXPECT_TRUE(cache.lookup(kCurl, {}, address(1), second(1150)).has_value());
  EXPECT_FALSE(cache.lookup(kCurl, {}, address(1), second(1151)).has_value());
  EXPECT_TRUE(cache.lookup(kShell, {}, address(1), second(1060)).has_value());
  EXPECT_FALSE(cache.lookup(kShell, {}, address(1), second(1061)).has_value());
}

TEST(NameCache, TheLatestAnswerBeforeTheConnectionWins) {
  NameCache cache;
  cache.remember(kCurl, address(1), "first.test", second(10), 60);
  cache.remember(kCurl, address(1), "second.test", second(20), 60);
  EXPECT_EQ(cache.lookup(kCurl, {}, address(1), second(15))->name, "first.test");
  const auto hit = cache.lookup(kCurl, {}, address(1), second(25));
  EXPECT_EQ(hit->name, "second.test");
  EXPECT_EQ(hit->also, std::vector<std::string>{"first.test"});
  EXPECT_EQ(cache.lookup(kShell, {}, address(1), second(15))->name, "first.test");
  cache.remember(kCurl, address(1), "first.test", second(30), 60);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.lookup(kCurl, {}, address(1), second(31))->name, "first.test");
}

TEST(NameCache, ForgetsTheLeastRecentlyUsedOfAProcess) {
  NameCache cache({.per_process = 3});
  for (std::uint32_t i = 1; i <= 3; ++i)
    cache.remember(kCurl, address(i), "n.test", second(i), 60);
  ASSERT_TRUE(cache.lookup(kCurl, {}, address(1), second(5)).has_value());
  cache.remember(kCurl, address(4), "n.test", second(6), 60);
  EXPECT_TRUE(cache.lookup(kCurl, {}, address(1), second(7)).has_value());
  EXPECT_FALSE(cache.lookup(kCurl, {}, address(2), second(7)).has_value());
  EXPECT_TRUE(cache.lookup(kCurl, {}, address(3), second(7)).has_value());
  EXPECT_EQ(cache.size(), 3U);
}

TEST(NameCache, ForgetsTheLeastRecentlyUsedOfAll) {
  NameCache cache({.total = 2});
  cache.remember(kCurl, address(1), "a.test", second(1), 60);
  cache.remember(kShell, address(2), "b.test", second(2), 60);
  ASSERT_TRUE(cache.lookup(kCurl, {}, address(1), second(3)).has_value());
  cache.remember(kInit, address(3), "c.test", second(4), 60);
  EXPECT_TRUE(cache.lookup(kCurl, {}, address(1), second(5)).has_value());
  EXPECT_FALSE(cache.lookup(kShell, {}, address(2), second(5)).has_value());
  EXPECT_TRUE(cache.lookup(kInit, {}, address(3), second(5)).has_value());
}

TEST(NameCache, MemoryAtTheLimit) {
  const std::size_t before_bytes = ::mallinfo2().uordblks;
  NameCache cache;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    cache.remember(ProcessKey{.start_us = i, .pid = i % 30000}, address(i % 1000),
                   "host-" + std::to_string(i) + ".some.domain.example.test", second(i / 100), 300);
  }
  EXPECT_EQ(cache.size(), NameCache::Limits{}.total);
  const std::size_t used_bytes = ::mallinfo2().uordblks - before_bytes;
  RecordProperty("bytes", std::to_string(used_bytes));
  EXPECT_LT(used_bytes, 32U << 20);
}

}  // namespace
}  // namespace alibi::recorder
