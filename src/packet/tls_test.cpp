// TLS handshakes and the bounds of the Inspector.

#include <gtest/gtest.h>

#include "packet/conversation_test.hpp"

namespace alibi::packet {
namespace {

std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    text += static_cast<char>(value >> shift & 0xffU);
  return text;
}

std::string sized(std::string_view content, int bytes) {
  return number(content.size(), bytes).append(content);
}

std::string extension(std::size_t type, std::string_view content) {
  return number(type, 2) + sized(content, 2);
}

std::string hello() {
  const std::string extensions =
      extension(0, sized(std::string(1, '\0') + sized("example.test", 2), 2)) +
      extension(0x10, sized(sized("h2", 1) + sized("http/1.1", 1), 2)) +
      extension(0x2b, sized("\x03\x04\x03\x03", 1)) + extension(0x0d, sized("\x04\x03", 2));
  const std::string body = "\x03\x03" + std::string(32, 'r') + sized("", 1) +
                           sized("\x13\x01\x13\x02", 2) + sized(std::string(1, '\0'), 1) +
                           sized(extensions, 2);
  return "\x01" + sized(body, 3);
}

std::string record(char type, std::string_view content) {
  return type + std::string("\x03\x01") + sized(content, 2);
}

TEST(Tls, HelloOverRecordsAndSegments) {
  const std::string message = hello();
  std::string sent;
  for (std::size_t i = 0; i < message.size(); i += 50)
    sent += record(22, message.substr(i, 50));
  for (const std::size_t size : {1U, 3U, 7U, 1000U}) {
    Conversation talk;
    talk.open();
    for (std::size_t i = 0; i < sent.size(); i += size)
      talk.client(std::string_view(sent).substr(i, size));
    ASSERT_EQ(talk.seen.size(), 1U) << size;
    EXPECT_EQ(talk.seen[0].finding.kind, FindingKind::TlsClientHello);
    EXPECT_EQ(talk.seen[0].field("sni"), "example.test");
    EXPECT_EQ(talk.seen[0].field("alpn"), "h2,http/1.1");
    EXPECT_EQ(talk.seen[0].field("version"), "1.3");
    EXPECT_TRUE(talk.seen[0].field("ja4").starts_with("t13d0204h2_"));
    EXPECT_FALSE(talk.seen[0].finding.is_cut);
  }
}

TEST(Tls, WhatIsThereOfACutHelloIsTold) {
  const std::string sent = record(22, hello());
  Conversation talk;
  talk.open();
  talk.segment(true, talk.seq(true), std::string_view(sent).substr(0, 90), kAck,
               static_cast<std::uint32_t>(sent.size()));
  ASSERT_EQ(talk.seen.size(), 1U);
  EXPECT_TRUE(talk.seen[0].finding.is_cut);
  EXPECT_EQ(talk.seen[0].field("sni"), "example.test");
  EXPECT_EQ(talk.seen[0].field("ja4"), "");
}

TEST(Tls, BehindStarttls) {
  Conversation talk;
  talk.open();
  talk.server("220 ready\r\n");
  talk.client("STARTTLS\r\n");
  talk.server("220 go ahead\r\n");
  talk.client(record(22, hello()));
  EXPECT_EQ(talk.seen.size(), 1U);
}

TEST(Tls, CiphertextIsNotLookedAt) {
  Conversation talk;
  talk.open();
  talk.client(record(22, hello()) + record(20, "\x01") + record(23, "x"));
  talk.client(record(22, hello()));
  EXPECT_EQ(talk.seen.size(), 1U);
}

TEST(Inspector, TheStreamSilentLongestGivesWayAndIsCounted) {
  const auto inspector = Inspector::make({});
  Headers headers;
  headers.protocol = 6;
  headers.is_transport_whole = true;
  const std::string_view half = "GET /half HTTP/1.1\r\nHost: h";
  headers.payload = std::as_bytes(std::span(half));
  headers.payload_bytes = static_cast<std::uint32_t>(half.size());
  std::vector<std::uint64_t> cut;
  const auto found = [&](const Finding& finding) {
    EXPECT_TRUE(finding.is_cut);
    cut.push_back(finding.stream);
  };
  for (std::uint64_t stream = 0; stream < Inspector::kStreamsMax + 2; ++stream)
    inspector->add(stream, true, {1}, headers, found);
  EXPECT_EQ(inspector->streams_dropped(), 2U);
  EXPECT_EQ(cut, (std::vector<std::uint64_t>{0, 1}));
}

TEST(Inspector, ConnectionsThatSaidNothingAreNoLoss) {
  const auto inspector = Inspector::make({});
  Headers headers;
  headers.protocol = 6;
  headers.is_transport_whole = true;
  headers.tcp_flags = kSyn;
  for (std::uint64_t stream = 0; stream < Inspector::kStreamsMax + 2; ++stream)
    inspector->add(stream, true, {1}, headers, [](const Finding&) {});
  EXPECT_EQ(inspector->streams_dropped(), 0U);
}

TEST(Inspector, WhatOnlyLooksLikeQuicTakesNobodysPlace) {
  const auto inspector = Inspector::make({});
  Headers headers;
  headers.protocol = 6;
  headers.is_transport_whole = true;
  const std::string_view half = "GET /half HTTP/1.1\r\nHost: h";
  headers.payload = std::as_bytes(std::span(half));
  headers.payload_bytes = static_cast<std::uint32_t>(half.size());
  inspector->add(0, true, {1}, headers, [](const Finding&) {});
  headers.protocol = 17;
  std::string fake("\xc3\0\0\0\x01\x08", 6);
  fake += std::string(8, 'd') + std::string("\0\0\x44\0", 4) + std::string(1024, 'x');
  headers.payload = std::as_bytes(std::span(fake));
  for (std::uint64_t stream = 1; stream < Inspector::kStreamsMax + 2; ++stream)
    inspector->add(stream, true, {1}, headers, [](const Finding&) {});
  EXPECT_EQ(inspector->streams_dropped(), 0U);
}

TEST(Inspector, AllBytesTogetherAreBounded) {
  const auto inspector = Inspector::make({});
  Headers headers;
  headers.protocol = 6;
  headers.is_transport_whole = true;
  const std::string block(60'000, 'x');
  for (std::uint64_t stream = 0; stream < 1000; ++stream) {
    headers.tcp_seq = 1;
    headers.tcp_flags = kSyn;
    headers.payload = {};
    headers.payload_bytes = 0;
    inspector->add(stream, true, {1}, headers, [](const Finding&) {});
    headers.tcp_seq = 10;  // behind a hole
    headers.tcp_flags = 0;
    headers.payload = std::as_bytes(std::span(block));
    headers.payload_bytes = static_cast<std::uint32_t>(block.size());
    inspector->add(stream, true, {1}, headers, [](const Finding&) {});
  }
  constexpr std::uint64_t kFitting = (16U << 20U) / 60'000;
  EXPECT_EQ(inspector->streams_dropped(), 1000 - kFitting);
}

}  // namespace
}  // namespace alibi::packet
