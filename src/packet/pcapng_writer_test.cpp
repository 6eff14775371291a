#include "packet/pcapng_writer.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "packet/byte_order.hpp"

namespace alibi::packet {
namespace {

constexpr std::int64_t kTime = 1'763'791'200'123'456'789;  // 2025-11-22T06:00:00.123456789Z

/// The packet of docs/packet-format.md: IPv4, TCP SYN.
const std::vector<std::byte>& syn() {
  static const auto bytes = [] {
    constexpr unsigned char kSyn[] = {
        0x45, 0,    0,    0x28, 0, 1, 0x40, 0, 0x40, 6, 0, 0, 127,  0, 0,    1,    127, 0, 0, 1,
        0xd4, 0x31, 0x1f, 0x40, 0, 0, 0,    1, 0,    0, 0, 0, 0x50, 2, 0xff, 0xff, 0,   0, 0, 0};
    const auto all = std::as_bytes(std::span(kSyn));
    return std::vector<std::byte>(all.begin(), all.end());
  }();
  return bytes;
}

Packet syn_packet() {
  return {.time = {kTime},
          .link = LinkType::Raw,
          .direction = Direction::Out,
          .original_bytes = 60,
          .bytes = syn(),
          .pid = 4242,
          .tid = 4243,
          .id = 7,
          .dropped = 3};
}

ProcessInfo curl() {
  return {.pid = 4242,
          .name = "curl",
          .path = "/usr/bin/curl",
          .args = {"curl", "-s", ""},
          .parent_pid = 4000,
          .uid = 1000,
          .user = "ada",
          .start_ns = kTime - 5,
          .comment = "process=4242@81234567"};
}

event::IpAddress address(std::string_view text) { return event::parse_address(text).value(); }

Blocks whole_file() {
  Blocks out;
  append_section(out, {.hardware = "x86_64", .os = "Linux", .application = "alibi"});
  append_interface(out, {.link = LinkType::Raw, .name = "lo"});
  append_process(out, curl());
  append_name(out, address("127.0.0.1"), "localhost");
  append_packet(out, syn_packet());
  append_statistics(out, 0, {kTime}, 1, 3);
  return out;
}

class InFile : public testing::Test {
 protected:
  std::unique_ptr<CaptureReader> read(const Blocks& blocks) {
    std::ofstream(file_, std::ios::binary)
        .write(reinterpret_cast<const char*>(blocks.data()),
               static_cast<std::streamsize>(blocks.size()));
    auto reader = CaptureReader::open(file_);
    EXPECT_TRUE(reader) << reader.error().message;
    return std::move(*reader);
  }
  void TearDown() override { std::filesystem::remove(file_); }

  std::filesystem::path file_ =
      std::filesystem::temp_directory_path() / ("alibi_pcapng_" + std::to_string(::getpid()));
};

using PcapngWriter = InFile;

TEST_F(PcapngWriter, EverythingComesBack) {
  const auto reader = read(whole_file());
  const auto packet = reader->next();
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->time.ns, kTime);
  EXPECT_EQ((*packet)->link, LinkType::Raw);
  EXPECT_EQ((*packet)->direction, Direction::Out);
  EXPECT_EQ((*packet)->original_bytes, 60U);
  EXPECT_TRUE(std::ranges::equal((*packet)->bytes, syn()));
  EXPECT_EQ((*packet)->pid, 4242U);
  EXPECT_EQ((*packet)->tid, 4243U);
  EXPECT_EQ((*packet)->id, 7U);
  EXPECT_EQ((*packet)->dropped, 3U);
  ASSERT_EQ(reader->interfaces().size(), 1U);
  EXPECT_EQ(reader->interfaces()[0].name, "lo");
  ASSERT_EQ(reader->processes().size(), 1U);
  const ProcessInfo& process = reader->processes()[0];
  EXPECT_EQ(process.pid, 4242U);
  EXPECT_EQ(process.name, "curl");
  EXPECT_EQ(process.path, "/usr/bin/curl");
  EXPECT_EQ(process.args, (std::vector<std::string>{"curl", "-s", ""}));
  EXPECT_EQ(process.parent_pid, 4000U);
  EXPECT_EQ(process.uid, 1000U);
  EXPECT_EQ(process.user, "ada");
  EXPECT_EQ(process.start_ns, static_cast<std::uint64_t>(kTime - 5));
  EXPECT_EQ(process.comment, "process=4242@81234567");
  ASSERT_EQ(reader->names().size(), 1U);
  EXPECT_EQ(reader->names()[0].address, address("127.0.0.1"));
  EXPECT_EQ(reader->names()[0].name, "localhost");
  const auto end = reader->next();
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(*end, nullptr);
}

TEST_F(PcapngWriter, NothingUnknownIsInvented) {
  Blocks out;
  append_section(out, {});
  append_interface(out, {.link = LinkType::Ethernet, .snap_bytes = 96});
  append_packet(out, {.time = {kTime}, .original_bytes = 40, .bytes = syn()}, "likely");
  append_process(out, {.pid = 9});
  const auto reader = read(out);
  const auto packet = reader->next();
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->pid, std::nullopt);
  EXPECT_EQ((*packet)->id, std::nullopt);
  EXPECT_EQ((*packet)->direction, Direction::Unknown);
  EXPECT_EQ((*packet)->comment, "likely");
  EXPECT_EQ(reader->next().value(), nullptr);
  ASSERT_EQ(reader->processes().size(), 1U);
  EXPECT_EQ(reader->processes()[0].start_ns, std::nullopt);
}

TEST_F(PcapngWriter, LongTextIsCutNotBroken) {
  ProcessInfo process = curl();
  process.args.assign(3, std::string(40'000, 'x'));
  Blocks out;
  append_section(out, {.comment = std::string(100'000, 'c')});
  append_interface(out, {.name = std::string(70'000, 'n')});
  append_process(out, process);
  append_name(out, address("2001:db8::1"), std::string(80'000, 'h'));
  append_packet(out, syn_packet());
  const auto reader = read(out);
  const auto packet = reader->next();
  ASSERT_TRUE(packet) << packet.error().message;
  ASSERT_NE(*packet, nullptr);
  EXPECT_EQ(reader->interfaces()[0].name.size(), 65'532U);
  EXPECT_EQ(reader->processes()[0].start_ns, process.start_ns);
  EXPECT_EQ(reader->names()[0].name.size(), 65'512U);
}

/// Hexadecimal digits of the document's indented lines after `heading`.
std::string hex_of_document(const std::string& heading) {
  std::ifstream file(ALIBI_DOCS "/packet-format.md");
  std::string line, hex;
  while (std::getline(file, line) && line != heading) {
  }
  while (std::getline(file, line) && !line.starts_with("#")) {
    if (!line.starts_with("    ")) continue;
    for (const char c : line.substr(0, line.find(';')))
      if (c != ' ') hex += c;
  }
  return hex;
}

TEST(PcapngFormat, BytesAreThoseOfTheDocument) {
  std::string ours;
  for (const std::byte byte : whole_file()) {
    constexpr char kDigits[] = "0123456789abcdef";
    ours += kDigits[std::to_integer<unsigned>(byte) >> 4];
    ours += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  EXPECT_EQ(ours, hex_of_document("## 4. Test vector"));
}

}  // namespace
}  // namespace alibi::packet
