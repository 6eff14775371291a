#include "query/payload_requests.hpp"

#include <gmock/gmock.h>

#include <string_view>

namespace alibi::query {
namespace {

using packet::Headers;
using testing::Contains;
using testing::Not;
using testing::Pair;

struct Talk {
  explicit Talk(bool keeps_bodies) : requests(keeps_bodies) {}

  const Request* send(bool is_client, std::string_view bytes, unsigned flags = packet::kAck) {
    Headers headers;
    headers.is_ip = true;
    headers.protocol = 6;
    headers.source =
        event::parse_address(is_client ? "10.0.0.1" : "10.0.0.2").value_or(event::IpAddress{});
    headers.destination =
        event::parse_address(is_client ? "10.0.0.2" : "10.0.0.1").value_or(event::IpAddress{});
    headers.source_port = is_client ? 40000 : 80;
    headers.destination_port = is_client ? 80 : 40000;
    headers.tcp_seq = seq[is_client];
    headers.tcp_flags = static_cast<std::uint8_t>(flags);
    headers.payload = std::as_bytes(std::span(bytes));
    headers.payload_bytes = static_cast<std::uint32_t>(bytes.size());
    headers.is_transport_whole = true;
    seq[is_client] += headers.payload_bytes + ((flags & packet::kSyn) != 0 ? 1 : 0);
    packet::Packet packet;
    packet.time.ns = ++clock;
    return requests.add(packet, headers);
  }

  PayloadRequests requests;
  std::uint32_t seq[2] = {100, 200};
  std::int64_t clock = 1;
};

TEST(PayloadRequests, OfAHeadInTwoPacketsTheSecondHasIt) {
  Talk talk(false);
  talk.send(true, "", packet::kSyn);
  talk.send(false, "", packet::kSyn | packet::kAck);
  EXPECT_EQ(talk.send(true, "POST /post HTTP/1.1\r\nHost: bbs.test\r\nOrigin: http://e"), nullptr);
  const Request* request = talk.send(true, "vil.test\r\nContent-Length: 3\r\n\r\na=1");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, event::Kind::Http);
  EXPECT_EQ(request->name, "http://bbs.test/post");
  EXPECT_EQ(request->verb, "POST");
  EXPECT_THAT(request->fields, Contains(Pair("origin", "http://evil.test")));
  EXPECT_THAT(request->fields, Not(Contains(Pair("body", testing::_))));
  const Request* response = talk.send(false, "HTTP/1.1 303 See Other\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->kind, event::Kind::HttpResponse);
  EXPECT_EQ(response->result, "303");
  EXPECT_EQ(response->name, "http://bbs.test/post");
  EXPECT_EQ(talk.send(true, ""), nullptr);
}

TEST(PayloadRequests, BodiesWhenAskedForAtTheirLastPacket) {
  Talk talk(true);
  EXPECT_EQ(talk.send(true, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc"), nullptr);
  const Request* request = talk.send(true, "def");
  ASSERT_TRUE(request);
  EXPECT_THAT(request->fields, Contains(Pair("body", "abcdef")));
}

TEST(PayloadRequests, FlowsBeyondTheBoundAreForgottenNotKept) {
  PayloadRequests requests(false);
  Headers headers;
  headers.is_ip = headers.is_transport_whole = true;
  headers.protocol = 6;
  headers.source_port = 40000;
  headers.destination_port = 80;
  const std::string_view head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  headers.payload = std::as_bytes(std::span(head));
  headers.payload_bytes = static_cast<std::uint32_t>(head.size());
  for (std::uint32_t i = 0; i < 3 * PayloadRequests::kFlowsMax; ++i) {
    const std::uint8_t octets[4] = {10, static_cast<std::uint8_t>(i >> 16),
                                    static_cast<std::uint8_t>(i >> 8),
                                    static_cast<std::uint8_t>(i)};
    headers.source = event::ipv4(octets);
    ASSERT_TRUE(requests.add({}, headers)) << i;
  }
}

}  // namespace
}  // namespace alibi::query
