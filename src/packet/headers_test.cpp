#include "packet/headers.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string_view>
#include <vector>

namespace alibi::packet {
namespace {

using Bytes = std::vector<std::byte>;

Bytes hex(std::string_view text) {
  Bytes bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    bytes.push_back(static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
    i += 2;
  }
  return bytes;
}

Bytes joined(std::initializer_list<std::string_view> parts) {
  Bytes bytes;
  for (const auto part : parts) {
    const Bytes more = hex(part);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  return bytes;
}

constexpr std::string_view kEthernet = "020000000001 020000000002";
/// 10.0.0.1:54321 -> 10.0.0.2:80, 4 bytes of payload.
constexpr std::string_view kIpv4 = "4500002c 12344000 40060000 0a000001 0a000002";
constexpr std::string_view kTcp = "d4310050 00000010 00000020 5018ffff 00000000 61626364";
constexpr std::string_view kIpv6 =
    "60000000 000c 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002";
constexpr std::string_view kUdp = "d4310035 000c0000 61626364";

void expect_tcp(const Headers& headers) {
  EXPECT_TRUE(headers.is_ip);
  EXPECT_EQ(to_text(headers.source), "10.0.0.1");
  EXPECT_EQ(to_text(headers.destination), "10.0.0.2");
  EXPECT_EQ(headers.protocol, 6);
  EXPECT_EQ(headers.hop_limit, 64);
  EXPECT_EQ(headers.ip_id, 0x1234);
  EXPECT_EQ(headers.ip_bytes, 44U);
  EXPECT_FALSE(headers.is_fragment);
  EXPECT_TRUE(headers.has_ports());
  EXPECT_EQ(headers.source_port, 54321U);
  EXPECT_EQ(headers.destination_port, 80U);
  EXPECT_EQ(headers.tcp_seq, 0x10U);
  EXPECT_EQ(headers.tcp_ack, 0x20U);
  EXPECT_EQ(headers.tcp_window, 0xffffU);
  EXPECT_EQ(headers.tcp_flags, kPsh | kAck);
  EXPECT_EQ(headers.payload_bytes, 4U);
  EXPECT_EQ(headers.payload.size(), 4U);
}

TEST(Headers, EveryLinkTypeLeadsToTheSamePacket) {
  const std::pair<LinkType, std::string_view> links[] = {
      {LinkType::Raw, ""},
      {LinkType::Ipv4, ""},
      {LinkType::Null, "02000000"},
      {LinkType::Null, "00000002"},
      {LinkType::Loop, "00000002"},
      {LinkType::Ethernet, "020000000001 020000000002 0800"},
      {LinkType::Ethernet, "020000000001 020000000002 8100 0005 0800"},
      {LinkType::Ethernet, "020000000001 020000000002 88a8 0005 8100 0006 0800"},
      {LinkType::Ethernet, "020000000001 020000000002 8864 1100 0001 002e 0021"},
      {LinkType::Ethernet, "020000000001 020000000002 8847 00010040 00020140"},
      {LinkType::Ethernet, "020000000001 020000000002 0034 aaaa03000000 0800"},
      {LinkType::LinuxSll, "0000 0304 0006 0000000000000000 0800"},
      {LinkType::LinuxSll2, "0800 0000 00000001 0304 00 06 0000000000000000"},
      {LinkType{9}, "ff03 0021"},
      {LinkType{9}, "21"},
      {LinkType{12}, ""},
  };
  for (const auto& [link, header] : links) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(link) << " " << header);
    Bytes bytes = joined({header, kIpv4, kTcp});
    expect_tcp(decode_headers(link, bytes, bytes.size()));
  }
}

TEST(Headers, PaddingOfShortFramesIsNoPayload) {
  Bytes bytes = joined({kEthernet, "0800", kIpv4, kTcp, "0000000000000000"});
  expect_tcp(decode_headers(LinkType::Ethernet, bytes, bytes.size()));
}

TEST(Headers, CutPacketsTellTheirSize) {
  const Bytes whole = joined({kEthernet, "0800", kIpv4, kTcp});
  const auto headers = decode_headers(LinkType::Ethernet, std::span(whole).first(14 + 20 + 20), 58);
  EXPECT_EQ(headers.payload_bytes, 4U);
  EXPECT_TRUE(headers.payload.empty());
  const auto no_flags = decode_headers(LinkType::Ethernet, std::span(whole).first(14 + 20 + 8), 58);
  EXPECT_FALSE(no_flags.is_transport_whole);
  EXPECT_EQ(no_flags.destination_port, 80U);
  const auto no_ip = decode_headers(LinkType::Ethernet, std::span(whole).first(14 + 19), 58);
  EXPECT_FALSE(no_ip.is_ip);
  EXPECT_EQ(no_ip.ether_type, 0x0800);
}

TEST(Headers, LengthsThatCannotBeAreNotBelieved) {
  // Segmentation offload: total length 0, or more than there is.
  for (const char* length : {"0000", "ffff", "0013"}) {
    std::string ip(kIpv4);
    ip.replace(4, 4, length);
    const Bytes bytes = joined({ip, kTcp});
    const auto headers = decode_headers(LinkType::Raw, bytes, bytes.size());
    EXPECT_EQ(headers.ip_bytes, 44U) << length;
    EXPECT_EQ(headers.payload_bytes, 4U) << length;
  }
}

TEST(Headers, Ipv6WithExtensions) {
  const Bytes plain = joined({kIpv6, kUdp});
  const auto headers = decode_headers(LinkType::Raw, plain, plain.size());
  EXPECT_EQ(to_text(headers.source), "2001:db8::1");
  EXPECT_EQ(headers.ip_bytes, 52U);
  EXPECT_EQ(headers.protocol, 17);
  EXPECT_EQ(headers.destination_port, 53U);
  EXPECT_EQ(headers.payload_bytes, 4U);

  std::string ip(kIpv6);
  ip.replace(9, 4, "0024");  // payload length: 8 + 8 + 8 + 12
  ip.replace(14, 2, "00");   // hop-by-hop, then destination options, then AH
  const Bytes bytes =
      joined({ip, "3c00 010400000000", "2b00 010400000000", "1100 000000000000", kUdp});
  const auto behind = decode_headers(LinkType::Raw, bytes, bytes.size());
  EXPECT_EQ(behind.protocol, 17);
  EXPECT_EQ(behind.source_port, 54321U);
  EXPECT_EQ(behind.payload_bytes, 4U);
}

TEST(Headers, Fragments) {
  std::string first(kIpv4);
  first.replace(13, 4, "2000");  // more follow
  const Bytes begin = joined({first, kTcp});
  const auto headers = decode_headers(LinkType::Raw, begin, begin.size());
  EXPECT_TRUE(headers.is_fragment);
  EXPECT_TRUE(headers.is_first_fragment);
  EXPECT_EQ(headers.destination_port, 80U);

  std::string later(kIpv4);
  later.replace(13, 4, "0010");
  const Bytes rest = joined({later, kTcp});
  const auto behind = decode_headers(LinkType::Raw, rest, rest.size());
  EXPECT_TRUE(behind.is_fragment);
  EXPECT_FALSE(behind.is_first_fragment);
  EXPECT_FALSE(behind.has_ports());
  EXPECT_EQ(behind.source_port, 0U);
  EXPECT_EQ(behind.payload_bytes, 24U);
}

TEST(Headers, IcmpEcho) {
  std::string ip(kIpv4);
  ip.replace(4, 4, "001c");
  ip.replace(20, 2, "01");
  const Bytes bytes = joined({ip, "0800 0000 beef 0001"});
  const auto headers = decode_headers(LinkType::Raw, bytes, bytes.size());
  EXPECT_EQ(headers.protocol, 1);
  EXPECT_EQ(headers.icmp_type, 8);
  EXPECT_EQ(headers.icmp_id, 0xbeef);
  EXPECT_EQ(headers.payload_bytes, 0U);
}

TEST(Headers, OtherTrafficIsNoIp) {
  const Bytes arp = joined({kEthernet, "0806", "0001080006040001"});
  EXPECT_EQ(decode_headers(LinkType::Ethernet, arp, arp.size()).ether_type, 0x0806);
  EXPECT_FALSE(decode_headers(LinkType::Ethernet, arp, arp.size()).is_ip);
  EXPECT_FALSE(decode_headers(LinkType{105}, arp, arp.size()).is_ip);
  EXPECT_EQ(protocol_name(58), "icmp6");
  EXPECT_EQ(protocol_name(132), "132");
}

TEST(Headers, AnyLengthOfAnyPacketIsSafe) {
  const Bytes packets[] = {joined({kEthernet, "8100 0005 0800", kIpv4, kTcp}),
                           joined({kEthernet, "86dd", kIpv6, kUdp})};
  for (const Bytes& bytes : packets) {
    for (std::size_t kept = 0; kept <= bytes.size(); ++kept) {
      const auto headers =
          decode_headers(LinkType::Ethernet, std::span(bytes).first(kept), bytes.size());
      EXPECT_LE(headers.payload.size(), headers.payload_bytes);
    }
  }
}

}  // namespace
}  // namespace alibi::packet
