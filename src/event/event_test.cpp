#include <gtest/gtest.h>

#include "event/community_id.hpp"
#include "event/record.hpp"

namespace alibi::event {
namespace {

Endpoint end(std::string_view text) { return *parse_endpoint(text); }

TEST(Time, ThereAndBack) {
  for (const char* text :
       {"2026-11-22T02:30:10.123456Z", "1970-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z",
        "2024-02-29T23:59:59.000001Z", "2261-12-31T00:00:00.000000Z"}) {
    const auto time = parse_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_text(*time), text);
  }
  EXPECT_EQ(to_text(WallNs{1'000'999}), "1970-01-01T00:00:00.001000Z");
  EXPECT_EQ(to_text(WallNs{-1}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(parse_time("1970-01-01T00:00:01Z"), WallNs{1'000'000'000});
  EXPECT_EQ(parse_time("1970-01-01T00:00:00.5Z"), WallNs{500'000'000});
}

TEST(Time, Refused) {
  for (const char* text :
       {"", "2026-11-22", "2026-11-22T02:30:10", "2026-11-22 02:30:10Z", "2026-02-30T00:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T00:00:60Z", "2026-11-22T00:00:00.Z",
        "2026-11-22T00:00:00.1234567890Z", "0001-01-01T00:00:00Z", "2026-1 -22T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(ProcessKey, ThereAndBack) {
  EXPECT_EQ(to_text(ProcessKey{.start_us = 81234567, .pid = 4242}), "4242@81234567");
  EXPECT_EQ(parse_process_key("4242@81234567"), (ProcessKey{.start_us = 81234567, .pid = 4242}));
  for (const char* text : {"", "@", "1@", "@1", "1", "01@1", "1@01", "-1@1", "1@1 ", "4294967296@1",
                           "1@18446744073709551616"}) {
    EXPECT_FALSE(parse_process_key(text)) << text;
  }
}

TEST(Address, ThereAndBack) {
  for (const char* text : {"127.0.0.1:8000", "127.0.0.1", "[::1]:8000", "::1",
                           "::", "[2001:db8::1:0:0:1]:443", "2001:db8:0:1:1:1:1:1",
                           "fe80::200:86ff:fe05:80da", "1:0:0:2::3", "255.255.255.255:65535"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(to_text(*endpoint), text);
  }
  EXPECT_EQ(to_text(end("[2001:DB8:0:0:0:0:0:1]:1")), "[2001:db8::1]:1");
  EXPECT_EQ(to_text(end("[::ffff:10.0.0.1]:80")), "10.0.0.1:80");
  EXPECT_EQ(to_text(end("[::1]")), "::1");
  EXPECT_EQ(end("1.2.3.4").port, std::nullopt);
}

TEST(Address, Refused) {
  for (const char* text :
       {"", ":80", "1.2.3", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:080", "[::1", "[::1]x",
        "[::1]:", "::1]:80", "[1.2.3.4]:80", "host:80", "1.2.3.4:80:90", "fe80::1%eth0"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
  EXPECT_FALSE(parse_address(std::string_view("127.0.0.1\0x", 11)));
  EXPECT_FALSE(parse_address(std::string(5000, '1')));
}

TEST(Address, Classes) {
  EXPECT_TRUE(end("127.9.9.9").address.is_loopback());
  EXPECT_TRUE(end("::1").address.is_loopback());
  EXPECT_FALSE(end("::2").address.is_loopback());
  EXPECT_FALSE(end("1.0.0.1").address.is_loopback());
  EXPECT_TRUE(end("0.0.0.0").address.is_unspecified());
  EXPECT_TRUE(end("::").address.is_unspecified());
  EXPECT_FALSE(end("::1").address.is_unspecified());
}

TEST(Source, ThereAndBack) {
  EXPECT_EQ(to_text(Source{.ring = 'n', .cpu = 12, .number = 345}), "n12:345");
  EXPECT_EQ(parse_source("n12:345"), (Source{.ring = 'n', .cpu = 12, .number = 345}));
  for (const char* text : {"", "n", "n1", "n:1", "1:1", "n1:", "n65536:1", ":1"})
    EXPECT_FALSE(parse_source(text)) << text;
}

TEST(Names, EveryKindComesBack) {
  int kinds = 0;
#define KIND(identifier, text, group, hook, meaning) \
  EXPECT_EQ(to_text(Kind::identifier), text);        \
  EXPECT_EQ(parse_kind(text), Kind::identifier);     \
  ++kinds;
#include "event/kinds.def"
#undef KIND
  EXPECT_GT(kinds, 20);
  EXPECT_FALSE(parse_kind("nothing"));
  EXPECT_EQ(parse_grade("likely"), Grade::Likely);
  EXPECT_EQ(parse_grade(""), Grade::None);
  EXPECT_EQ(parse_direction("in"), Direction::In);
  EXPECT_FALSE(parse_direction("sideways"));
}

// From the baseline of the specification.
TEST(CommunityId, PublishedValues) {
  EXPECT_EQ(community_id(6, end("128.232.110.120:34855"), end("66.35.250.204:80")),
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
  EXPECT_EQ(community_id(6, end("66.35.250.204:80"), end("128.232.110.120:34855")),
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
  EXPECT_EQ(community_id(17, end("192.168.1.52:54585"), end("8.8.8.8:53")),
            "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
  EXPECT_EQ(community_id(1, end("192.168.0.89:8"), end("192.168.0.1:0")),
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
  EXPECT_EQ(community_id(58, end("[fe80::200:86ff:fe05:80da]:135"),
                         end("[fe80::260:97ff:fe07:69ea]:136")),
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
}

}  // namespace
}  // namespace alibi::event
