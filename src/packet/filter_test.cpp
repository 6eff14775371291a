#include "packet/filter.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace alibi::packet {
namespace {

/// TCP 127.0.0.1:54321 -> 127.0.0.1:8000, SYN.
constexpr unsigned char kSyn[] = {0x45, 0, 0,   0x28, 0,    1, 0x40, 0,    0x40, 6,    0, 0, 127, 0,
                                  0,    1, 127, 0,    0,    1, 0xd4, 0x31, 0x1f, 0x40, 0, 0, 0,   1,
                                  0,    0, 0,   0,    0x50, 2, 0xff, 0xff, 0,    0,    0, 0};

std::vector<std::byte> behind(std::initializer_list<int> link_header) {
  std::vector<std::byte> bytes;
  for (const int byte : link_header)
    bytes.push_back(static_cast<std::byte>(byte));
  const auto syn = std::as_bytes(std::span(kSyn));
  bytes.insert(bytes.end(), syn.begin(), syn.end());
  return bytes;
}

bool is_match(const std::string& expression, LinkType link, const std::vector<std::byte>& bytes) {
  const auto filter = Filter::compile(expression);
  EXPECT_TRUE(filter) << filter.error().message;
  const auto answer =
      (*filter)->matches({.link = link, .original_bytes = bytes.size(), .bytes = bytes});
  EXPECT_TRUE(answer) << answer.error().message;
  return answer.value_or(false);
}

TEST(PacketFilter, SameAnswerOnEveryLinkType) {
  const std::pair<LinkType, std::vector<std::byte>> packets[] = {
      {LinkType::Raw, behind({})},
      {LinkType::Ipv4, behind({})},
      {LinkType::Ethernet, behind({2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0})},
      {LinkType::LinuxSll, behind({0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0})},
      {LinkType::LinuxSll2, behind({8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0})},
      {LinkType::Loop, behind({0, 0, 0, 2})},
  };
  for (const auto& [link, bytes] : packets) {
    SCOPED_TRACE(static_cast<int>(link));
    EXPECT_TRUE(is_match("", link, bytes));
    EXPECT_TRUE(is_match("tcp port 8000 and host 127.0.0.1", link, bytes));
    EXPECT_TRUE(is_match("tcp[tcpflags] & tcp-syn != 0", link, bytes));
    EXPECT_FALSE(is_match("udp or ip6", link, bytes));
    EXPECT_FALSE(is_match("src port 8000", link, bytes));
  }
}

TEST(PacketFilter, MistakesAreUsageErrorsInOneLine) {
  const auto filter = Filter::compile("tcp prot 80");
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().code, Errc::Usage);
  EXPECT_NE(filter.error().message.find("syntax error near 'prot' (character 5)"),
            std::string::npos)
      << filter.error().message;
  for (const char* wrong : {"tcp port", "port 99999", "(tcp", "tcp and and", "host 1.2.3.4.5.6"}) {
    const auto other = Filter::compile(wrong);
    ASSERT_FALSE(other) << wrong;
    EXPECT_EQ(other.error().message.find('\n'), std::string::npos) << wrong;
    EXPECT_NE(other.error().message.find(wrong), std::string::npos) << other.error().message;
  }
}

TEST(PacketFilter, WhatALinkTypeCannotHaveIsAnError) {
  const auto filter = Filter::compile("ether host 02:00:00:00:00:01");
  ASSERT_TRUE(filter);
  const auto bytes = behind({});
  const auto answer =
      (*filter)->matches({.link = LinkType::Raw, .original_bytes = bytes.size(), .bytes = bytes});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::Usage);
}

}  // namespace
}  // namespace alibi::packet
