// HTTP/1 and HTTP/2 through the whole Inspector.

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "packet/conversation_test.hpp"

namespace alibi::packet {
namespace {

constexpr std::string_view kGet =
    "GET /x?y=1 HTTP/1.1\r\nHost: board.test\r\nUser-Agent: curl/7\r\n\r\n";
constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody";

TEST(Http1, RequestAndItsResponse) {
  Conversation talk;
  talk.open();
  talk.client(kGet);
  talk.server(kAnswer);
  ASSERT_EQ(talk.seen.size(), 2U);
  EXPECT_EQ(talk.seen[0].finding.kind, FindingKind::HttpRequest);
  EXPECT_TRUE(talk.seen[0].finding.is_from_source);
  EXPECT_EQ(talk.seen[0].field("method"), "GET");
  EXPECT_EQ(talk.seen[0].field("url"), "http://board.test/x?y=1");
  EXPECT_EQ(talk.seen[0].field("version"), "1.1");
  EXPECT_EQ(talk.seen[0].field("user_agent"), "curl/7");
  EXPECT_EQ(talk.seen[1].field("status"), "200");
  EXPECT_EQ(talk.seen[1].field("url"), "http://board.test/x?y=1");
  EXPECT_EQ(talk.seen[1].field("method"), "GET");
  EXPECT_FALSE(talk.seen[1].finding.is_from_source);
}

TEST(Http1, EveryByteAlone) {
  Conversation talk;
  talk.open();
  for (std::size_t i = 0; i < kGet.size(); ++i)
    talk.client(kGet.substr(i, 1));
  for (std::size_t i = 0; i < kAnswer.size(); ++i)
    talk.server(kAnswer.substr(i, 1));
  ASSERT_EQ(talk.seen.size(), 2U);
  EXPECT_EQ(talk.seen[0].field("url"), "http://board.test/x?y=1");
  EXPECT_EQ(talk.seen[1].field("content_type"), "text/plain");
}

TEST(Http1, BackwardsInPieces) {
  Conversation talk;
  talk.open();
  const std::uint32_t seq = talk.seq(true);
  for (std::size_t at = kGet.size(); at-- > 0;)
    talk.segment(true, seq + static_cast<std::uint32_t>(at), kGet.substr(at, 1), 0);
  ASSERT_EQ(talk.seen.size(), 1U);
  EXPECT_EQ(talk.seen[0].field("host"), "board.test");
}

TEST(Http1, PipelinedRequestsArePairedInOrder) {
  Conversation talk;
  talk.open();
  talk.client(
      "HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: "
      "3\r\n\r\na=b"
      "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  talk.server(
      "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  ASSERT_EQ(talk.seen.size(), 7U);
  EXPECT_EQ(talk.seen[1].field("method"), "POST");
  EXPECT_EQ(talk.seen[3].field("url"), "http://h/1");
  EXPECT_EQ(talk.seen[4].field("status"), "100");
  EXPECT_EQ(talk.seen[4].field("url"), "http://h/2");
  EXPECT_EQ(talk.seen[5].field("url"), "http://h/2");
  EXPECT_EQ(talk.seen[6].field("url"), "http://h/3");
  EXPECT_EQ(talk.seen[6].field("pairing"), "");
}

TEST(Http1, FormOfAnotherPageIsTold) {
  Conversation talk;
  talk.open();
  talk.client(
      "POST /board HTTP/1.1\r\nHost: city.test\r\nOrigin: http://evil.test\r\n"
      "Referer: http://evil.test/page\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
      "Sec-Fetch-Dest: document\r\nContent-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: 3\r\n\r\na=b");
  ASSERT_EQ(talk.seen.size(), 1U);
  EXPECT_EQ(talk.seen[0].field("origin"), "http://evil.test");
  EXPECT_EQ(talk.seen[0].field("referer"), "http://evil.test/page");
  EXPECT_EQ(talk.seen[0].field("sec_fetch_site"), "cross-site");
  EXPECT_EQ(talk.seen[0].field("sec_fetch_mode"), "navigate");
  EXPECT_EQ(talk.seen[0].field("sec_fetch_dest"), "document");
  EXPECT_EQ(talk.seen[0].field("sec_fetch_user"), "");
  EXPECT_EQ(talk.seen[0].field("body"), "");
}

TEST(Http1, BodiesWhenAskedFor) {
  Conversation talk({.keep_bodies = true});
  talk.open();
  talk.client("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
  EXPECT_TRUE(talk.seen.empty());
  talk.client("def");
  ASSERT_EQ(talk.seen.size(), 1U);
  EXPECT_EQ(talk.seen[0].field("body"), "abcdef");
  talk.client("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nxyz");
  talk.end();
  ASSERT_EQ(talk.seen.size(), 2U);
  EXPECT_EQ(talk.seen[1].field("body"), "xyz");
  EXPECT_EQ(talk.seen[1].field("body_cut"), "true");
}

TEST(Http1, ABodyWithHolesIsPassedOver) {
  Conversation talk;
  talk.open();
  talk.client("POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  talk.miss(true, 999'990);
  talk.client("0123456789GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  talk.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");  // acknowledges all of it
  ASSERT_EQ(talk.seen.size(), 3U);
  EXPECT_EQ(talk.seen[1].field("url"), "http://h/2");
  EXPECT_EQ(talk.seen[2].field("url"), "http://h/1");
}

/// Plain text out of which bodies were left, as a probe inside TLS tells it.
class HeadsOnly {
 public:
  void client(std::string_view bytes, std::string_view body_behind = "") {
    send(true, bytes, body_behind);
  }
  void server(std::string_view bytes, std::string_view body_behind = "") {
    send(false, bytes, body_behind);
  }
  void lose(bool is_client, std::uint64_t count) { ways_[is_client ? 0 : 1].position += count; }

  std::vector<Seen> seen;

 private:
  struct Way {
    std::string passed;
    std::uint64_t position = 0;
  };

  void send(bool is_client, std::string_view bytes, std::string_view body_behind) {
    Way& way = ways_[is_client ? 0 : 1];
    HeadPiece piece{.position = way.position, .offset = way.passed.size()};
    for (std::size_t k = 0; k < 4 && k < way.passed.size(); ++k)
      piece.before[3 - k] = static_cast<std::uint8_t>(way.passed[way.passed.size() - 1 - k]);
    piece.bytes = std::as_bytes(std::span(bytes));
    inspector_->add_piece(1, is_client, {1}, piece,
                          [this](const Finding& finding) { seen.push_back({finding}); });
    way.position += bytes.size();
    way.passed.append(bytes).append(body_behind);
  }

  std::unique_ptr<Inspector> inspector_ = Inspector::make({.are_heads_only = true});
  std::array<Way, 2> ways_;
};

TEST(HeadsOnly, BodiesOfEveryKindAreLeftOut) {
  HeadsOnly talk;
  talk.client("POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n", "a=bc");
  talk.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n0\r\n\r\n");
  talk.client("HEAD /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  talk.server("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
  talk.server("HTTP/1.1 304 Not Modified\r\nContent-Length: 900\r\n\r\n");
  talk.client("GET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
  talk.server("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_EQ(talk.seen.size(), 9U);
  EXPECT_EQ(talk.seen[0].field("url"), "https://h/1");
  EXPECT_EQ(talk.seen[1].field("url"), "https://h/1");
  EXPECT_EQ(talk.seen[2].field("method"), "HEAD");
  EXPECT_EQ(talk.seen[4].field("url"), "https://h/2");
  EXPECT_EQ(talk.seen[5].field("status"), "304");
  EXPECT_EQ(talk.seen[5].field("url"), "https://h/3");
  EXPECT_EQ(talk.seen[8].field("status"), "204");
  EXPECT_EQ(talk.seen[8].field("url"), "https://h/4");
  for (const Seen& one : talk.seen)
    EXPECT_EQ(one.field("pairing"), "") << one.field("url");
}

TEST(HeadsOnly, WhatStandsInABodyIsNoRequest) {
  constexpr std::string_view kFalse = "GET /false HTTP/1.1\r\nHost: h\r\n\r\n";
  HeadsOnly talk;
  // Behind the head in the same piece, in a piece of its own, in a chunk.
  talk.client(
      "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\n\r\nGET /false HTTP/1.1\r\n\r\n");
  talk.client(kFalse, std::string(200 - 23 - kFalse.size(), 'x'));
  talk.client("POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "64\r\n");
  talk.client(kFalse, "\r\n0\r\n\r\n");
  talk.client("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(talk.seen.size(), 3U);
  EXPECT_EQ(talk.seen[0].field("url"), "https://h/1");
  EXPECT_EQ(talk.seen[1].field("url"), "https://h/2");
  EXPECT_EQ(talk.seen[2].field("url"), "https://h/3");
}

TEST(HeadsOnly, ALostPieceMakesPairsLikely) {
  HeadsOnly talk;
  talk.client("GET /1 HTTP/1.1\r\nHost: h\r\nUser-");
  talk.lose(true, 30);
  talk.client("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  talk.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_EQ(talk.seen.size(), 3U);
  EXPECT_TRUE(talk.seen[0].finding.is_cut);
  EXPECT_EQ(talk.seen[1].field("url"), "https://h/2");
  EXPECT_EQ(talk.seen[2].field("pairing"), "likely");
}

TEST(Http1, AHoleInTheHeadIsToldAndOvercome) {
  Conversation talk;
  talk.open();
  talk.client("GET /1 HTTP/1.1\r\nHost: h\r\nUser-");
  talk.miss(true, 30);
  talk.client("rest\r\n\r\n");
  talk.server(kAnswer);
  talk.client("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  talk.server(kAnswer);
  ASSERT_EQ(talk.seen.size(), 4U);
  EXPECT_TRUE(talk.seen[0].finding.is_cut);
  EXPECT_EQ(talk.seen[0].field("url"), "http://h/1");
  EXPECT_EQ(talk.seen[1].field("url"), "");
  EXPECT_EQ(talk.seen[3].field("url"), "http://h/2");
  EXPECT_EQ(talk.seen[3].field("pairing"), "likely");
}

TEST(Http1, HalfAHeadAtTheEndIsCut) {
  Conversation talk;
  talk.open();
  talk.client("GET /1 HTTP/1.1\r\nHost: h\r\nReferer: http://a/");
  talk.end();
  ASSERT_EQ(talk.seen.size(), 1U);
  EXPECT_TRUE(talk.seen[0].finding.is_cut);
  EXPECT_EQ(talk.seen[0].field("referer"), "http://a/");
}

TEST(Http1, TargetsOfEveryForm) {
  Conversation talk;
  talk.open();
  talk.client("GET http://a.test/p HTTP/1.1\r\nHost: proxy.test\r\n\r\n");
  talk.client("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  talk.client("GET /old HTTP/1.0\r\n\r\n");
  talk.client("CONNECT b.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n");
  ASSERT_EQ(talk.seen.size(), 4U);
  EXPECT_EQ(talk.seen[0].field("url"), "http://a.test/p");
  EXPECT_EQ(talk.seen[1].field("url"), "*");
  EXPECT_EQ(talk.seen[2].field("url"), "/old");
  EXPECT_EQ(talk.seen[2].field("version"), "1.0");
  EXPECT_EQ(talk.seen[3].field("url"), "b.test:443");
}

TEST(Http1, BehindConnectSomethingElseBegins) {
  Conversation talk;
  talk.open();
  talk.client("CONNECT b.test:80 HTTP/1.1\r\nHost: b.test:80\r\n\r\n");
  talk.server("HTTP/1.1 200 Connection established\r\n\r\n");
  talk.client(kGet);
  talk.server(kAnswer);
  ASSERT_EQ(talk.seen.size(), 4U);
  EXPECT_EQ(talk.seen[3].field("url"), "http://board.test/x?y=1");
}

TEST(Http1, OtherTextProtocolsAreNone) {
  Conversation talk;
  talk.open();
  talk.client("NOTIFY sip:a@b SIP/2.0\r\nVia: x\r\n\r\n");
  talk.client("DELETE 1\r\n");
  talk.client("GET uri\r\n");
  talk.end();
  EXPECT_TRUE(talk.seen.empty());
}

TEST(Http1, PortsUsedAgain) {
  Conversation talk;
  talk.open();
  talk.client(kGet);
  talk.segment(true, talk.seq(true), "", kFin | kAck);
  talk.segment(true, 5000, "", kSyn);
  talk.segment(true, 5001, kGet);
  EXPECT_EQ(talk.seen.size(), 2U);
}

TEST(Http1, DnsOverHttp) {
  constexpr std::string_view kQuestion(
      "\xac\x3f\x01\0\0\x01\0\0\0\0\0\0\x01x\x04test\0\0\x01\0\x01", 24);
  Conversation talk;
  talk.open();
  talk.client(
      "POST /dns-query HTTP/1.1\r\nHost: h\r\nContent-Type: application/dns-message\r\n"
      "Content-Length: 24\r\n\r\n");
  talk.client(kQuestion);
  talk.client(
      "GET /dns-query?a=b&dns=rD8BAAABAAAAAAAAAXgEdGVzdAAAAQAB HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(talk.seen.size(), 4U);
  for (const std::size_t i : {1, 3}) {
    EXPECT_EQ(talk.seen[i].finding.kind, FindingKind::Dns) << i;
    EXPECT_EQ(talk.seen[i].field("name"), "x.test") << i;
    EXPECT_EQ(talk.seen[i].field("transport"), "http") << i;
    EXPECT_EQ(talk.seen[i].finding.message.size(), 24U) << i;
  }
}

TEST(DnsOverTcp, SeveralMessagesOverSegments) {
  constexpr std::string_view kStreamed(
      "\0\x18\xac\x3f\x01\0\0\x01\0\0\0\0\0\0\x01x\x04test\0\0\x01\0\x01", 26);
  Conversation talk;
  talk.server_port = 53;
  talk.open();
  const std::string twice = std::string(kStreamed) + std::string(kStreamed);
  for (std::size_t i = 0; i < twice.size(); i += 5)
    talk.client(std::string_view(twice).substr(i, 5));
  ASSERT_EQ(talk.seen.size(), 2U);
  EXPECT_EQ(talk.seen[1].field("name"), "x.test");
  EXPECT_EQ(talk.seen[1].field("transport"), "tcp");
}

/// Frames as nghttp2's own compression writes them.
class Http2Writer {
 public:
  Http2Writer() { ::nghttp2_hd_deflate_new(&deflater_, 4096); }
  ~Http2Writer() { ::nghttp2_hd_deflate_del(deflater_); }
  Http2Writer(const Http2Writer&) = delete;
  Http2Writer& operator=(const Http2Writer&) = delete;

  static std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                           std::string_view payload) {
    std::string bytes;
    for (const int shift : {16, 8, 0})
      bytes += static_cast<char>(payload.size() >> shift & 0xffU);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    for (const int shift : {24, 16, 8, 0})
      bytes += static_cast<char>(stream >> shift & 0xffU);
    return bytes.append(payload);
  }
  std::string block(std::vector<std::pair<std::string, std::string>> fields) {
    std::vector<nghttp2_nv> all;
    for (auto& [name, value] : fields)
      all.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                     reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), 0});
    std::string bytes(4096, '\0');
    const auto size =
        ::nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(bytes.data()),
                                bytes.size(), all.data(), all.size());
    bytes.resize(static_cast<std::size_t>(size));
    return bytes;
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

TEST(Http2, HeadsOverFramesAndSegments) {
  Http2Writer client;
  Http2Writer server;
  std::string sent(kPreface);
  sent += Http2Writer::frame(NGHTTP2_SETTINGS, 0, 0, "");
  const auto fields =
      std::vector<std::pair<std::string, std::string>>{{":method", "POST"},
                                                       {":scheme", "http"},
                                                       {":authority", "h.test"},
                                                       {":path", "/a?b"},
                                                       {"origin", "http://evil.test"},
                                                       {"user-agent", "x"}};
  const std::string block = client.block(fields);
  sent += Http2Writer::frame(NGHTTP2_HEADERS, 0, 1, block.substr(0, 7));
  sent += Http2Writer::frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, block.substr(7));
  sent += Http2Writer::frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, std::string(3000, 'd'));
  // Refers to what the compression remembers; padded, with a priority.
  const std::string again = client.block(fields);
  sent += Http2Writer::frame(NGHTTP2_HEADERS,
                             NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY,
                             3, std::string("\x04\0\0\0\0\x10", 6) + again + std::string(4, '\0'));
  Conversation talk;
  talk.open();
  for (std::size_t i = 0; i < sent.size(); i += 11)
    talk.client(std::string_view(sent).substr(i, 11));
  talk.server(Http2Writer::frame(NGHTTP2_SETTINGS, 0, 0, "") +
              Http2Writer::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3,
                                 server.block({{":status", "404"}, {"server", "s"}})));
  ASSERT_EQ(talk.seen.size(), 3U);
  for (const std::size_t i : {0, 1}) {
    EXPECT_EQ(talk.seen[i].field("url"), "http://h.test/a?b");
    EXPECT_EQ(talk.seen[i].field("host"), "h.test");
    EXPECT_EQ(talk.seen[i].field("origin"), "http://evil.test");
    EXPECT_EQ(talk.seen[i].field("version"), "2");
  }
  EXPECT_EQ(talk.seen[2].field("status"), "404");
  EXPECT_EQ(talk.seen[2].field("method"), "POST");
}

TEST(Http2, AfterAnUpgrade) {
  Http2Writer client;
  Http2Writer server;
  Conversation talk;
  talk.open();
  talk.client(
      "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n");
  talk.server("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" +
              Http2Writer::frame(NGHTTP2_SETTINGS, 0, 0, "") +
              Http2Writer::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
                                 server.block({{":status", "200"}})));
  talk.client(
      std::string(kPreface) + Http2Writer::frame(NGHTTP2_SETTINGS, 0, 0, "") +
      Http2Writer::frame(
          NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3,
          client.block(
              {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/two"}})));
  ASSERT_EQ(talk.seen.size(), 4U);
  EXPECT_EQ(talk.seen[1].field("status"), "101");
  EXPECT_EQ(talk.seen[2].field("status"), "200");
  EXPECT_EQ(talk.seen[2].field("url"), "http://h/up");
  EXPECT_EQ(talk.seen[3].field("url"), "http://h/two");
}

}  // namespace
}  // namespace alibi::packet
