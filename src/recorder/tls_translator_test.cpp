#include "recorder/tls_translator.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

namespace alibi::recorder {
namespace {

class TlsTranslatorTest : public ::testing::Test {
 protected:
  TlsTranslatorTest() {
    auto opened = WallClock::open(clocks_);
    if (opened) clock_.emplace(std::move(*opened));
    shared_.emplace(options_, *clock_);
    translator_.emplace(*shared_);
    fixed_.header.process = {.start_boot_ns = 5'000'000, .tgid = 42, .uid = 0};
    fixed_.header.kind = ALIBI_RECORD_TLS;
    fixed_.session = 0x1000;
    fixed_.number = 1;
    fixed_.library = ALIBI_TLS_OPENSSL;
    fixed_.flags = ALIBI_TLS_BEGAN;
    fixed_.is_out = 1;
  }

  bool tell(std::string_view text) {
    fixed_.captured_bytes = static_cast<__u32>(text.size());
    fixed_.header.size = static_cast<__u32>(sizeof(fixed_) + text.size());
    fixed_.header.boot_ns += 1000;
    std::vector<std::uint64_t> aligned((sizeof(fixed_) + text.size() + 7) / 8);
    auto* bytes = reinterpret_cast<std::byte*>(aligned.data());
    std::memcpy(bytes, &fixed_, sizeof(fixed_));
    std::memcpy(bytes + sizeof(fixed_), text.data(), text.size());
    fixed_.position += text.size();
    fixed_.offset += text.size();
    return translator_->translate({bytes, sizeof(fixed_) + text.size()});
  }
  void use_socket() {
    fixed_.tuple = {};
    fixed_.tuple.family = 2;
    fixed_.tuple.protocol = 6;
    fixed_.tuple.local[0] = fixed_.tuple.remote[0] = 127;
    fixed_.tuple.local[3] = fixed_.tuple.remote[3] = 1;
    fixed_.tuple.local_port = 40000;
    fixed_.tuple.remote_port = 443;
    fixed_.cookie = 0xab;
    fixed_.net_ns = 7;
  }
  std::vector<event::Record>& out() { return shared_->out; }

  ClockSource clocks_;
  std::optional<WallClock> clock_;
  Options options_;
  std::optional<Translation> shared_;
  std::optional<TlsTranslator> translator_;
  alibi_tls fixed_{};
};

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(TlsTranslatorTest, ARequestIsOfItsProcessAndOfNoFlowUnlessOneWasSeen) {
  ASSERT_TRUE(tell(kGet));
  use_socket();
  ASSERT_TRUE(tell(kGet));
  ASSERT_EQ(out().size(), 2U);
  EXPECT_EQ(out()[0].name, "https://h/x");
  EXPECT_EQ(out()[0].process->pid, 42U);
  EXPECT_EQ(out()[0].via, "uprobe");
  EXPECT_EQ(out()[0].grade, event::Grade::Proven);
  EXPECT_EQ(out()[0].direction, event::Direction::Out);
  EXPECT_EQ(out()[0].find_extra("tls"), "openssl");
  EXPECT_EQ(out()[0].find_extra("session"), "");
  EXPECT_EQ(out()[0].flow, "");
  EXPECT_FALSE(out()[0].remote);
  EXPECT_EQ(out()[1].flow, "ab@7");
  EXPECT_EQ(out()[1].remote->port, 443);
}

TEST_F(TlsTranslatorTest, ANewSessionAtTheSameAddressBeginsAnew) {
  ASSERT_TRUE(tell("GET /cut HTTP/1.1\r\nHost: h\r\n"));
  fixed_.number = 2;
  fixed_.position = fixed_.offset = 0;
  fixed_.flags = 0;
  ASSERT_TRUE(tell(kGet));
  ASSERT_EQ(out().size(), 2U);
  EXPECT_EQ(out()[0].find_extra("cut"), "1");
  EXPECT_EQ(out()[1].name, "https://h/x");
  EXPECT_EQ(out()[1].find_extra("session"), "from_middle");
}

TEST_F(TlsTranslatorTest, AServerIsAsked) {
  fixed_.is_out = 0;
  fixed_.library = ALIBI_TLS_GNUTLS;
  ASSERT_TRUE(tell(kGet));
  ASSERT_EQ(out().size(), 1U);
  EXPECT_EQ(out()[0].direction, event::Direction::In);
  EXPECT_EQ(out()[0].find_extra("tls"), "gnutls");
}

TEST_F(TlsTranslatorTest, WhatCannotBeReadIsALossOfItsProcess) {
  fixed_.flags = ALIBI_TLS_UNREADABLE;
  ASSERT_TRUE(tell(""));
  LossLedger losses;
  losses.begin(false);
  translator_->tell_unreadable(losses, BootNs{9'000});
  translator_->tell_unreadable(losses, BootNs{10'000});
  ASSERT_EQ(out().size(), 1U);
  EXPECT_EQ(out()[0].kind, event::Kind::Loss);
  EXPECT_EQ(out()[0].result, "tls_session_middle");
  EXPECT_EQ(out()[0].process->pid, 42U);
  EXPECT_EQ(losses.total(), 1U);
}

TEST_F(TlsTranslatorTest, BytesThatAreNoRecordAreRefused) {
  fixed_.header.kind = 99;
  EXPECT_FALSE(tell(kGet));
  fixed_.header.kind = ALIBI_RECORD_TLS;
  const std::array<std::uint64_t, 4> brief{};
  EXPECT_FALSE(translator_->translate(std::as_bytes(std::span(brief))));
}

}  // namespace
}  // namespace alibi::recorder
