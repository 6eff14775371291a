#include "packet/capture_reader.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <string>

#include "packet/byte_order.hpp"
#include "packet/pcapng_blocks.hpp"

namespace alibi::packet {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

constexpr std::int64_t kSecond = 1'000'000'000;

/// Writes numbers in one byte order, as the files of other machines have them.
struct Writer {
  std::endian order = std::endian::little;
  Bytes bytes = {};

  template <std::integral T>
  Writer& add(T value) {
    put(bytes, value, order);
    return *this;
  }
  Writer& text(std::string_view value) {
    for (const char c : value)
      bytes.push_back(static_cast<std::byte>(c));
    return *this;
  }
  Writer& pad() {
    bytes.resize(padded(bytes.size()));
    return *this;
  }
  Writer& option(std::uint16_t code, std::string_view value) {
    return add(code).add(static_cast<std::uint16_t>(value.size())).text(value).pad();
  }
  Writer& block(std::uint32_t type, const Writer& body) {
    const auto length = static_cast<std::uint32_t>(body.bytes.size() + 12);
    add(type).add(length);
    bytes.insert(bytes.end(), body.bytes.begin(), body.bytes.end());
    return add(length);
  }
  Writer& section() {
    return block(kSectionBlock, Writer{order}
                                    .add(kByteOrderMagic)
                                    .add<std::uint16_t>(1)
                                    .add<std::uint16_t>(0)
                                    .add(kSectionLengthUnknown));
  }
  Writer& interface(std::uint16_t link, std::uint32_t snap = 0, const Bytes& options = {}) {
    Writer body{order};
    body.add(link).add<std::uint16_t>(0).add(snap);
    body.bytes.insert(body.bytes.end(), options.begin(), options.end());
    return block(kInterfaceBlock, body);
  }
  Writer& enhanced(std::uint32_t interface, std::uint64_t ticks, std::string_view data) {
    Writer body{order};
    body.add(interface)
        .add(static_cast<std::uint32_t>(ticks >> 32))
        .add(static_cast<std::uint32_t>(ticks))
        .add(static_cast<std::uint32_t>(data.size()))
        .add(static_cast<std::uint32_t>(data.size()))
        .text(data)
        .pad();
    return block(kPacketBlock, body);
  }
};

Writer pcap(std::uint32_t magic, std::endian order, std::uint16_t minor = 4) {
  Writer out{order};
  out.add(magic).add<std::uint16_t>(2).add(minor).add(0).add(0).add(65535).add(1);
  return out;
}

class CaptureReaderTest : public testing::Test {
 protected:
  void TearDown() override { fs::remove(file_); }

  void write(const Bytes& bytes) const {
    std::ofstream(file_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  std::unique_ptr<CaptureReader> open(const Bytes& bytes) const {
    write(bytes);
    auto reader = CaptureReader::open(file_);
    EXPECT_TRUE(reader) << reader.error().message;
    return reader ? std::move(*reader) : nullptr;
  }
  /// "time:interface:data ..." of all packets, then "!" where the file is broken.
  std::string story(const Bytes& bytes) const {
    const auto reader = open(bytes);
    std::string text;
    while (reader) {
      const auto next = reader->next();
      if (!next) return text + "!";
      if (!*next) return text;
      const Packet& packet = **next;
      text += fmt::format("{}:{}:", packet.time.ns, packet.interface);
      for (const std::byte byte : packet.bytes)
        text += static_cast<char>(byte);
      text += ' ';
    }
    return text;
  }

  fs::path file_ = fs::temp_directory_path() / fmt::format("alibi_capture_{}", ::getpid());
};

TEST_F(CaptureReaderTest, ClassicFilesOfEveryMachine) {
  for (const auto order : {std::endian::little, std::endian::big}) {
    auto micro = pcap(0xa1b2c3d4, order);
    micro.add(7).add(8).add(2).add(90).text("ab");
    EXPECT_EQ(story(micro.bytes), "7000008000:0:ab ");
    auto nano = pcap(0xa1b23c4d, order);
    nano.add(7).add(8).add(2).add(90).text("ab").add(9).add(0).add(1).add(1).text("c");
    EXPECT_EQ(story(nano.bytes), "7000000008:0:ab 9000000000:0:c ");
    auto modified = pcap(0xa1b2cd34, order);
    modified.add(7).add(8).add(2).add(2).add(1).add<std::uint32_t>(0).text("ab");
    EXPECT_EQ(story(modified.bytes), "7000008000:0:ab ");
    auto swapped = pcap(0xa1b2c3d4, order, 2);
    swapped.add(7).add(8).add(90).add(2).text("ab");
    const auto reader = open(swapped.bytes);
    EXPECT_EQ(reader->next().value()->original_bytes, 90U);
    EXPECT_EQ(reader->interfaces().at(0).link, LinkType::Ethernet);
  }
}

TEST_F(CaptureReaderTest, SecondsAreUnsigned) {
  auto late = pcap(0xa1b2c3d4, std::endian::little);
  late.add<std::uint32_t>(0xffffffff).add(0).add(0).add(0);
  EXPECT_EQ(open(late.bytes)->next().value()->time.ns, 4'294'967'295 * kSecond);
}

TEST_F(CaptureReaderTest, PackedFilesAreUnpacked) {
  auto plain = pcap(0xa1b2c3d4, std::endian::little);
  for (int i = 0; i < 20'000; ++i)
    plain.add(i).add(0).add(4).add(4).add(i * 7919);
  const std::string expected = story(plain.bytes);
  ASSERT_GT(expected.size(), 100'000U);

  Bytes zstd(ZSTD_compressBound(plain.bytes.size()));
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), plain.bytes.data(), plain.bytes.size(), 3));
  EXPECT_EQ(story(zstd), expected);

  const gzFile gzip = ::gzopen(file_.c_str(), "wb");
  ASSERT_EQ(::gzwrite(gzip, plain.bytes.data(), static_cast<unsigned>(plain.bytes.size())),
            static_cast<int>(plain.bytes.size()));
  ::gzclose(gzip);
  std::ifstream packed(file_, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(packed)), {});
  EXPECT_EQ(story(Writer{}.text(text).bytes), expected);

  // Cut: what is there is told, then that it is cut.
  zstd.resize(zstd.size() / 2);
  const std::string part = story(zstd);
  EXPECT_TRUE(part.ends_with("!"));
  EXPECT_TRUE(expected.starts_with(part.substr(0, part.size() - 1)));
  EXPECT_TRUE(story(Writer{}.text(text.substr(0, text.size() / 2)).bytes).ends_with("!"));
}

TEST_F(CaptureReaderTest, SectionsOfBothByteOrders) {
  Writer big{std::endian::big};
  big.section().interface(101).interface(1).enhanced(1, 5, "abcde").block(99, Writer{}.add(1));
  Writer little{std::endian::little};
  little.section().interface(113).enhanced(0, 6, "fg");
  big.bytes.insert(big.bytes.end(), little.bytes.begin(), little.bytes.end());
  EXPECT_EQ(story(big.bytes), "5000:1:abcde 6000:2:fg ");
  const auto reader = open(big.bytes);
  EXPECT_EQ(reader->next().value()->link, LinkType::Ethernet);
  EXPECT_EQ(reader->next().value()->link, LinkType::LinuxSll);
  EXPECT_EQ(reader->interfaces().size(), 3U);
}

TEST_F(CaptureReaderTest, ClocksOfInterfaces) {
  const auto options = [](std::uint8_t resolution, std::int64_t offset) {
    Writer out;
    out.option(9, std::string(1, static_cast<char>(resolution)));
    std::string seconds(8, '\0');
    std::memcpy(seconds.data(), &offset, 8);
    return out.option(14, seconds).add<std::uint32_t>(0).bytes;
  };
  Writer out;
  out.section()
      .interface(1, 0, options(9, 0))
      .interface(1, 0, options(0x80 | 10, 0))
      .interface(1, 0, options(12, 100))
      .interface(1, 0, options(0, -1))
      .interface(1, 0, options(0xff, 0));
  out.enhanced(0, 77, "a").enhanced(1, 1536, "b").enhanced(2, 5'000, "c").enhanced(3, 3, "d");
  out.enhanced(4, UINT64_MAX, "e").enhanced(3, UINT64_MAX, "f");
  EXPECT_EQ(story(out.bytes),
            "77:0:a 1500000000:1:b 100000000005:2:c 2000000000:3:d 0:4:e "
            "9223372036854775807:3:f ");
}

TEST_F(CaptureReaderTest, SimpleAndOldPackets) {
  Writer out;
  out.section().interface(1, 4);
  out.block(kSimplePacketBlock, Writer{}.add(9).text("abcd"));
  out.block(kOldPacketBlock, Writer{}
                                 .add<std::uint16_t>(0)
                                 .add<std::uint16_t>(3)
                                 .add(0)
                                 .add(5)
                                 .add(2)
                                 .add(60)
                                 .text("xy")
                                 .pad()
                                 .option(2, std::string("\1\0\0\0", 4)));
  const auto reader = open(out.bytes);
  const Packet simple = **reader->next();
  EXPECT_EQ(simple.original_bytes, 9U);
  EXPECT_EQ(simple.bytes.size(), 4U);
  const Packet old = **reader->next();
  EXPECT_EQ(old.time.ns, 5000);
  EXPECT_EQ(old.dropped, 3U);
  EXPECT_EQ(old.original_bytes, 60U);
  EXPECT_EQ(old.direction, Direction::In);
}

TEST_F(CaptureReaderTest, ProcessEntriesAreLittleEndianEverywhere) {
  Writer entry;
  entry.add<std::uint32_t>(4242).option(2, "curl").option(9, std::string("\1\0\0\0\0\0\0\0", 8));
  entry.add<std::uint32_t>(0);
  Writer body{std::endian::big};
  body.add(kWiresharkNumber);
  Writer head;
  head.add(kProcessEntry).add(static_cast<std::uint32_t>(entry.bytes.size()));
  for (const auto* part : {&head, &entry})
    body.bytes.insert(body.bytes.end(), part->bytes.begin(), part->bytes.end());
  Writer out{std::endian::big};
  out.section().block(kCustomBlock, body);
  const auto reader = open(out.bytes);
  EXPECT_EQ(reader->next().value(), nullptr);
  ASSERT_EQ(reader->processes().size(), 1U);
  EXPECT_EQ(reader->processes()[0].pid, 4242U);
  EXPECT_EQ(reader->processes()[0].name, "curl");
  EXPECT_EQ(reader->processes()[0].start_ns, 1U);
}

TEST_F(CaptureReaderTest, BrokenFilesAreReadAsFarAsTheyAreSound) {
  Writer good;
  good.section().interface(1).enhanced(0, 1, "ab");
  const std::string begin = story(good.bytes);
  const auto with = [&](const Writer& more) {
    Bytes bytes = good.bytes;
    bytes.insert(bytes.end(), more.bytes.begin(), more.bytes.end());
    return story(bytes);
  };
  EXPECT_EQ(with(Writer{}.add(6)), begin + "!");                         // cut
  EXPECT_EQ(with(Writer{}.add(6).add(11).add(11)), begin + "!");         // impossible
  EXPECT_EQ(with(Writer{}.add(6).add(14).add(0).add(0)), begin + "!");   // no multiple of 4
  EXPECT_EQ(with(Writer{}.add(6).add(0x7ffffffc).add(0)), begin + "!");  // too long
  EXPECT_EQ(with(Writer{}.add(99).add(12).add(16)), begin + "!");        // lengths differ
  EXPECT_EQ(with(Writer{}.enhanced(1, 1, "ab")), begin + "!");           // no such interface
  EXPECT_EQ(with(Writer{}.block(kPacketBlock, Writer{}.add(0).add(0))), begin + "!");
  auto classic = pcap(0xa1b2c3d4, std::endian::little);
  classic.add(1).add(2).add(0x7fffffff).add(1);
  EXPECT_EQ(story(classic.bytes), "!");
}

TEST_F(CaptureReaderTest, OtherFilesAreNoCaptures) {
  for (const char* text : {"", "abc", "no capture file at all"}) {
    write(Writer{}.text(text).bytes);
    const auto reader = CaptureReader::open(file_);
    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error().code, Errc::Corrupt);
  }
  EXPECT_EQ(CaptureReader::open("/nonexistent/file").error().code, Errc::NotFound);
}

TEST_F(CaptureReaderTest, DescriptionsAreBounded) {
  Writer out;
  out.section();
  Writer names;
  names.add<std::uint16_t>(1).add<std::uint16_t>(0xfffc).text("\1\2\3\4");
  for (int i = 0; i < 0x7ffc; ++i)
    names.text(std::string_view("n\0", 2));
  const std::size_t blocks = kDescriptionBytesMax / (0x7ffc * sizeof(HostName)) + 1;
  for (std::size_t i = 0; i < blocks; ++i)
    out.block(kNameBlock, names);
  const auto reader = open(out.bytes);
  const auto next = reader->next();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, Errc::Unsupported);
}

}  // namespace
}  // namespace alibi::packet
