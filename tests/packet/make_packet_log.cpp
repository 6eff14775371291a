// Writes a small log with packets, for packets_test.py:
//
//   make_packet_log DIRECTORY        a closed segment and one that grows
//   make_packet_log DIRECTORY more   one packet more, of now, and its question
//
// curl asks a name server and a web server; a process that is only likely
// answers; nobody owns an ARP request; three packets were lost on the way.

#include <zstd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "packet/byte_order.hpp"
#include "packet/pcapng_writer.hpp"
#include "store/log_writer.hpp"

namespace {

using namespace alibi;
using packet::Blocks;
using packet::Direction;
using packet::LinkType;

constexpr const char* kBootId = "0f0e0d0c-0b0a-4909-8807-060504030201";
constexpr std::int64_t kOffsetNs = 1'795'312'800'000'000'000;  // 2026-11-22T02:00:00Z at boot
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = kOffsetNs + 70 * kSecond;

constexpr std::uint32_t kLoopback = 0;
constexpr std::uint32_t kEthernet = 1;

struct Ends {
  const char* source;
  std::uint16_t source_port;
  const char* destination;
  std::uint16_t destination_port;
};

void add_text(Blocks& out, std::string_view text) {
  for (const char c : text)
    out.push_back(static_cast<std::byte>(c));
}

void add_address(Blocks& out, const char* text) {
  const auto address = event::parse_address(text).value();
  const auto octets = std::as_bytes(address.octets());
  out.insert(out.end(), octets.begin(), octets.end());
}

/// An IP packet around `transport`; checksums stay 0, as offloaded ones do.
Blocks ip(const Ends& ends, std::uint8_t protocol, const Blocks& transport) {
  constexpr auto kBig = std::endian::big;
  Blocks out;
  const auto length = static_cast<std::uint16_t>(transport.size());
  if (event::parse_address(ends.source)->is_v6) {
    packet::put<std::uint32_t>(out, 0x60000000, kBig);
    packet::put<std::uint16_t>(out, length, kBig);
    packet::put<std::uint16_t>(out, static_cast<std::uint16_t>(protocol << 8 | 64), kBig);
  } else {
    packet::put<std::uint16_t>(out, 0x4500, kBig);
    packet::put<std::uint16_t>(out, static_cast<std::uint16_t>(length + 20), kBig);
    packet::put<std::uint32_t>(out, 0x12344000, kBig);
    packet::put<std::uint32_t>(out, 0x40000000U | static_cast<std::uint32_t>(protocol << 16), kBig);
  }
  add_address(out, ends.source);
  add_address(out, ends.destination);
  out.insert(out.end(), transport.begin(), transport.end());
  return out;
}

Blocks tcp(const Ends& ends, std::uint32_t seq, std::uint8_t flags, std::string_view data = {}) {
  Blocks out;
  packet::put(out, ends.source_port, std::endian::big);
  packet::put(out, ends.destination_port, std::endian::big);
  packet::put(out, seq, std::endian::big);
  packet::put<std::uint32_t>(out, 7000, std::endian::big);
  packet::put(out, static_cast<std::uint16_t>(0x5000 | flags), std::endian::big);
  packet::put<std::uint16_t>(out, 64240, std::endian::big);
  packet::put<std::uint32_t>(out, 0, std::endian::big);
  add_text(out, data);
  return ip(ends, 6, out);
}

Blocks udp(const Ends& ends, std::string_view data) {
  Blocks out;
  packet::put(out, ends.source_port, std::endian::big);
  packet::put(out, ends.destination_port, std::endian::big);
  packet::put(out, static_cast<std::uint16_t>(data.size() + 8), std::endian::big);
  packet::put<std::uint16_t>(out, 0, std::endian::big);
  add_text(out, data);
  return ip(ends, 17, out);
}

/// A DNS question for example.org, type A.
const std::string kQuestion("\0\7\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1", 29);

constexpr Ends kDns{"10.0.0.1", 40053, "10.0.0.53", 53};
constexpr Ends kWeb{"2001:db8::1", 40000, "2001:db8::80", 8000};
constexpr Ends kAnswer{"2001:db8::80", 8000, "2001:db8::1", 40000};

void begin(Blocks& out) {
  packet::append_section(out,
                         {.hardware = "x86_64", .os = "Linux", .application = "make_packet_log"});
  packet::append_interface(out, {.link = LinkType::Raw, .name = "lo", .description = "loopback"});
  packet::append_interface(out, {.link = LinkType::Ethernet, .snap_bytes = 96, .name = "eth0"});
}

void describe_curl(Blocks& out) {
  packet::append_process(out, {.pid = 4242,
                               .name = "curl",
                               .path = "/usr/bin/curl",
                               .args = {"curl", "-s", "http://example.org:8000/"},
                               .parent_pid = 4001,
                               .uid = 0,
                               .user = "root",
                               .start_ns = static_cast<std::uint64_t>(kStart),
                               .comment = "process=4242@70000000"});
}

void describe_server(Blocks& out) {
  packet::append_process(out, {.pid = 3001,
                               .name = "evil\x1b[31m\nname",
                               .path = "/usr/sbin/nginx",
                               .start_ns = static_cast<std::uint64_t>(kStart - 50 * kSecond),
                               .comment = "process=3001@20100000"});
}

struct Told {
  std::uint64_t number;
  std::int64_t after_us;
  std::uint32_t interface = kLoopback;
  Direction direction = Direction::Unknown;
  std::uint32_t pid = 0;
  std::uint64_t dropped = 0;
  std::size_t keep = 1000;
  const char* comment = "";
};

void add(Blocks& out, const Told& told, const Blocks& bytes) {
  packet::Packet packet{.time = {kStart + told.after_us * 1000},
                        .interface = told.interface,
                        .direction = told.direction,
                        .original_bytes = bytes.size(),
                        .bytes = std::span(bytes).first(std::min(told.keep, bytes.size())),
                        .id = told.number,
                        .dropped = told.dropped};
  if (told.pid != 0) packet.pid = told.pid;
  packet::append_packet(out, packet, told.comment);
}

Blocks first_segment() {
  Blocks out;
  begin(out);
  describe_curl(out);
  packet::append_name(out, event::parse_address("10.0.0.53").value(), "resolver.example");
  packet::append_name(out, event::parse_address("192.0.2.1").value(), "unrelated.example");
  add(out, {1, 10'000, kLoopback, Direction::Out, 4242}, udp(kDns, kQuestion));
  add(out, {2, 20'000, kLoopback, Direction::Out, 4242}, tcp(kWeb, 100, 0x02));
  Blocks arp;
  add_text(arp,
           std::string_view("\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1\x08\x06\0\1\x08\0\6\4\0\1", 22));
  arp.resize(42);
  add(out, {.number = 3, .after_us = 21'000, .interface = kEthernet, .dropped = 3}, arp);
  return out;
}

Blocks second_segment() {
  Blocks out;
  begin(out);
  describe_server(out);
  describe_curl(out);
  add(out, {4, 30'000, kLoopback, Direction::Out, 4242, 0, 70},
      tcp(kWeb, 101, 0x18, "GET / HTTP/1.1\r\nHost: example.org:8000\r\n\r\n"));
  add(out, {5, 31'000, kLoopback, Direction::Out, 3001, 2, 1000, "grade=likely via=listener"},
      tcp(kAnswer, 900, 0x18, "HTTP/1.1 204 No Content\r\n\r\n"));
  add(out, {.number = 6, .after_us = 40'000, .direction = Direction::In}, tcp(kAnswer, 927, 0x04));
  return out;
}

event::Record question(std::uint64_t boot_ns, WallNs time) {
  event::Record record;
  record.kind = event::Kind::DnsQuery;
  record.boot = {boot_ns};
  record.time = time;
  record.proto = "udp";
  record.local = event::parse_endpoint("10.0.0.1:40053");
  record.remote = event::parse_endpoint("10.0.0.53:53");
  record.name = "example.org";
  record.extra = {{"type", "A"}, {"id", "7"}};
  return record;
}

event::Record request() {
  event::Record record;
  record.kind = event::Kind::Http;
  record.boot = {70'030'000'000};
  record.time = {kStart + 30'000'000};
  record.proto = "tcp";
  record.local = event::parse_endpoint("[2001:db8::1]:40000");
  record.remote = event::parse_endpoint("[2001:db8::80]:8000");
  record.name = "http://example.org:8000/";
  record.extra = {{"method", "GET"}};
  return record;
}

bool write(const std::filesystem::path& file, const void* bytes, std::size_t count) {
  std::ofstream out(file, std::ios::binary | std::ios::app);
  out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
  return out.good();
}

bool make(const std::filesystem::path& directory) {
  const auto folder = directory / "packets";
  std::filesystem::create_directories(folder);
  const Blocks first = first_segment();
  std::string packed(ZSTD_compressBound(first.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), first.data(), first.size(), 3));
  const Blocks second = second_segment();
  return write(folder / "00000000000000000001.pcapng.zst", packed.data(), packed.size()) &&
         write(folder / "00000000000000000004.pcapng", second.data(), second.size());
}

bool make_more(const std::filesystem::path& directory, WallNs time) {
  Blocks out;
  add(out, {7, (time.ns - kStart) / 1000, kLoopback, Direction::Out, 4242}, udp(kDns, kQuestion));
  return write(directory / "packets" / "00000000000000000004.pcapng", out.data(), out.size());
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_more = argc == 3 && std::string_view(argv[2]) == "more";
  if (argc != 2 && !is_more) {
    std::fprintf(stderr, "usage: make_packet_log DIRECTORY [more]\n");
    return 2;
  }
  auto writer = store::LogWriter::open(argv[1], kBootId, {.reserve_bytes = 0});
  if (!writer) {
    std::fprintf(stderr, "%s\n", writer.error().message.c_str());
    return 1;
  }
  const WallNs now = wall_now();
  std::vector<event::Record> log;
  if (is_more) {
    log.push_back(question(boot_now().ns, now));
  } else {
    log.push_back(question(70'010'000'000, {kStart + 10'000'000}));
    log.push_back(request());
  }
  const bool is_made = is_more ? make_more(argv[1], now) : make(argv[1]);
  const auto done = (*writer)->append(log);
  const auto closed = (*writer)->close();
  return is_made && done && closed ? 0 : 1;
}
