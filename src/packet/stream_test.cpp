#include "packet/stream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace alibi::packet {
namespace {

class Text : public StreamSink {
 public:
  void on_bytes(std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void on_missing(std::uint64_t count) override { text += "<" + std::to_string(count) + ">"; }
  std::string text;
};

class StreamTest : public testing::Test {
 protected:
  void add(std::uint32_t seq, std::string_view bytes, std::uint32_t more = 0) {
    stream.add(seq, std::as_bytes(std::span(bytes)),
               static_cast<std::uint32_t>(bytes.size()) + more, out);
  }
  Stream stream;
  Text out;
};

TEST_F(StreamTest, InOrderAndTwice) {
  stream.begin(100);
  add(100, "abc");
  add(100, "abc");
  add(101, "bcde");
  EXPECT_EQ(out.text, "abcde");
}

TEST_F(StreamTest, OutOfOrderAcrossTheWrap) {
  stream.begin(0xfffffffeU);
  add(2, "ef");
  add(0, "cd");
  EXPECT_EQ(out.text, "");
  add(0xfffffffeU, "ab");
  EXPECT_EQ(out.text, "abcdef");
  EXPECT_EQ(stream.next_seq(), 4U);
  EXPECT_EQ(stream.waiting_bytes(), 0U);
}

TEST_F(StreamTest, TheFirstCopyOfAByteWins) {
  stream.begin(0);
  add(2, "CD");
  add(6, "GH");
  add(1, "bxxefxxi");  // over both, and between and behind them
  add(0, "a");
  EXPECT_EQ(out.text, "abCDefGHi");
}

TEST_F(StreamTest, AHoleIsGivenUpWhenTheReceiverHasMore) {
  stream.begin(0);
  add(0, "ab");
  add(5, "fg");
  stream.acknowledge(5, out);  // everything before the waiting bytes, none of them
  EXPECT_EQ(out.text, "ab");
  stream.acknowledge(7, out);
  EXPECT_EQ(out.text, "ab<3>fg");
  add(2, "cde");  // too late
  EXPECT_EQ(out.text, "ab<3>fg");
}

TEST_F(StreamTest, AcknowledgedBeforeItCame) {
  stream.begin(0);
  stream.acknowledge(100, out);
  add(50, "x");
  EXPECT_EQ(out.text, "<50>x");
}

TEST_F(StreamTest, CutSegmentsTellWhatIsMissing) {
  add(10, "ab", 5);
  add(17, "cd");
  EXPECT_EQ(out.text, "ab<5>cd");
}

TEST_F(StreamTest, WaitingBytesAreBounded) {
  stream.begin(0);
  const std::string block(8 << 10, 'x');
  for (std::uint32_t i = 0; i < 100; ++i) {
    add(1 + i * (8 << 10), block);
    EXPECT_LE(stream.waiting_bytes(), Stream::kWaitingBytesMax + block.size());
  }
  EXPECT_TRUE(out.text.starts_with("<1>xx"));
}

TEST_F(StreamTest, WaitingPiecesAreBounded) {
  stream.begin(0);
  for (std::uint32_t i = 0; i <= Stream::kWaitingPiecesMax; ++i)
    add(1 + 2 * i, "x");
  EXPECT_TRUE(out.text.starts_with("<1>x"));
}

TEST_F(StreamTest, FinishHandsOutWhatWaits) {
  stream.begin(0);
  add(3, "d");
  add(7, "h");
  stream.finish(out);
  EXPECT_EQ(out.text, "<3>d<3>h");
}

}  // namespace
}  // namespace alibi::packet
