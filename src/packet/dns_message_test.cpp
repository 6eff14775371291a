#include "packet/dns_message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace alibi::packet {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// Answers of dnsmasq 2.89; the expected values are its configuration and what
// dig printed for the same questions.
constexpr std::string_view kQuestion =
    "ac3f0100000100000000000003777777076578616d706c6504746573740000010001";
constexpr std::string_view kAliasAnswer =
    "ac3f8580000100020000000003777777076578616d706c6504746573740000010001c00c000500010000012c001203"
    "77"
    "6562076578616d706c65047465737400c02e000100010000012c0004c000020a";
constexpr std::string_view kMixedCaseAnswer =
    "01028580000100010000000003576542076578616d706c65047465737400001c0001c00c001c00010000012c001020"
    "01"
    "0db8000000000000000000000010";
constexpr std::string_view kNoSuchName =
    "000381830001000000000000046e6f7065076578616d706c6504746573740000010001";

Result<DnsMessage> decode(std::string_view hex) {
  return decode_dns_message(from_hex(hex), DnsTransport::Udp);
}

TEST(DnsMessage, Question) {
  const auto message = decode(kQuestion);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->id, 0xac3f);
  EXPECT_FALSE(message->is_answer);
  ASSERT_EQ(message->questions.size(), 1U);
  EXPECT_EQ(message->questions[0].name, "www.example.test");
  EXPECT_EQ(message->questions[0].type, "A");
  EXPECT_FALSE(message->is_cut);
  EXPECT_TRUE(named_addresses(*message).empty());
}

TEST(DnsMessage, AnswerThroughAnAlias) {
  const auto message = decode(kAliasAnswer);
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->is_answer);
  EXPECT_EQ(message->rcode, "NOERROR");
  ASSERT_EQ(message->answers.size(), 2U);
  EXPECT_EQ(message->answers[0].type, "CNAME");
  EXPECT_EQ(message->answers[0].target, "web.example.test");
  EXPECT_EQ(message->answers[0].ttl_s, 300U);
  EXPECT_EQ(message->answers[1].name, "web.example.test");
  EXPECT_EQ(message->answers[1].address, event::ipv4({192, 0, 2, 10}));
  EXPECT_EQ(message->answers_left_out, 0U);
  const auto named = named_addresses(*message);
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named[0].name, "www.example.test");
  EXPECT_EQ(named[0].address, event::ipv4({192, 0, 2, 10}));
  EXPECT_EQ(named[0].ttl_s, 300U);
}

TEST(DnsMessage, SixAndLetterCase) {
  const auto message = decode(kMixedCaseAnswer);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->questions[0].name, "WeB.example.test");
  EXPECT_EQ(message->questions[0].type, "AAAA");
  const auto named = named_addresses(*message);
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(event::to_text(named[0].address), "2001:db8::10");
}

TEST(DnsMessage, NoSuchName) {
  const auto message = decode(kNoSuchName);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->rcode, "NXDOMAIN");
  EXPECT_TRUE(message->answers.empty());
}

TEST(DnsMessage, EveryCutTellsWhatWasComplete) {
  const Bytes whole = from_hex(kAliasAnswer);
  constexpr std::size_t kQuestionEnd = 34;
  constexpr std::size_t kAliasEnd = 64;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto message = decode_dns_message(std::span(whole).first(size), DnsTransport::Udp);
    ASSERT_EQ(message.has_value(), size >= kQuestionEnd) << size;
    if (!message) {
      EXPECT_EQ(message.error().code, Errc::Corrupt);
      continue;
    }
    EXPECT_TRUE(message->is_cut) << size;
    EXPECT_EQ(message->answers.size(), size >= kAliasEnd ? 1U : 0U) << size;
    EXPECT_EQ(message->answers_left_out, 2 - message->answers.size()) << size;
  }
}

TEST(DnsMessage, OverTcpOnlyTheFirstMessageIsRead) {
  Bytes stream{0, 80};
  const Bytes whole = from_hex(kAliasAnswer);
  ASSERT_EQ(whole.size(), 80U);
  stream.insert(stream.end(), whole.begin(), whole.end());
  stream.insert(stream.end(), {0xFF, 0xFF, 0xFF});
  const auto message = decode_dns_message(stream, DnsTransport::Tcp);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->answers.size(), 2U);
  EXPECT_FALSE(message->is_cut);
  const auto half = decode_dns_message(std::span(stream).first(60), DnsTransport::Tcp);
  ASSERT_TRUE(half.has_value());
  EXPECT_TRUE(half->is_cut);
  EXPECT_FALSE(decode_dns_message(std::span(stream).first(1), DnsTransport::Tcp).has_value());
}

TEST(DnsMessage, CompressionLoopsEnd) {
  Bytes bytes = from_hex("000101000001000000000000");
  bytes.insert(bytes.end(), {0xC0, 0x0C, 0, 1, 0, 1});  // a name that points at itself
  const auto message = decode_dns_message(bytes, DnsTransport::Udp);
  ASSERT_FALSE(message.has_value());
  EXPECT_EQ(message.error().code, Errc::Corrupt);
}

TEST(DnsMessage, AliasLoopsEnd) {
  // x CNAME x, twice announced
  const auto message =
      decode("00018180000100010000000001780000010001c00c0005000100000001000401780000");
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(named_addresses(*message).empty());
}

TEST(DnsMessage, ControlBytesInNamesAreEscaped) {
  const auto message = decode("0001010000010000000000000301220a0000010001");
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->questions[0].name, "\\001\\\"\\010");
}

TEST(DnsMessage, HugeCountsAreBounded) {
  Bytes bytes = from_hex("0001818000010fff0000000001610000010001");
  for (int i = 0; i < 1000; ++i) {
    const Bytes record = from_hex("c00c00010001000000010004c0000201");
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  const auto message = decode_dns_message(bytes, DnsTransport::Udp);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->answers.size(), kMaxAnswers);
  EXPECT_EQ(message->answers_left_out, 0xfffU - kMaxAnswers);
}

TEST(DnsMessage, OtherOperationsAndUnknownTypes) {
  EXPECT_FALSE(decode("00012800000100000000000001610000060001").has_value());
  const auto message = decode("00010100000100000000000001610004d20001");
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->questions[0].type, "TYPE1234");
}

}  // namespace
}  // namespace alibi::packet
