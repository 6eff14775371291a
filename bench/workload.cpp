#include "workload.hpp"

#include <fmt/format.h>
#include <array>

namespace alibi::bench {
namespace {

using event::Kind;
using event::Record;

constexpr std::array kPrograms = {
    "/usr/bin/dash", "/usr/bin/curl",   "/usr/bin/git",  "/usr/bin/python3.11",
    "/usr/bin/grep", "/usr/bin/sed",    "/usr/bin/cat",  "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus",
    "/usr/bin/make", "/usr/sbin/nginx", "/usr/bin/date", "/usr/lib/apt/methods/http"};
constexpr std::array kLibraries = {
    "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/x86_64-linux-gnu/libssl.so.3", "/usr/lib/x86_64-linux-gnu/libz.so.1.2.13"};

}  // namespace

struct Workload::Life {
  event::ProcessKey key;
  event::ProcessKey parent;
  std::string user;
  std::string exe;
  std::vector<std::string> args;
};

Record Workload::start_record(Kind kind, const Life& life, char ring) {
  boot_ns_ += gap_ns_ / 10 + below(gap_ns_ * 9 / 5);
  Record r;
  r.kind = kind;
  r.boot = {boot_ns_};
  r.time = WallNs{offset_ns_ + static_cast<std::int64_t>(boot_ns_)};
  r.process = life.key;
  r.parent = life.parent;
  r.user = life.user;
  r.exe = life.exe;
  r.source = {.ring = ring,
              .cpu = static_cast<std::uint16_t>(below(4)),
              .number = ring == 'p' ? ++process_ring_ : ++network_ring_};
  return r;
}

void Workload::add_libraries(const Life& life, std::vector<Record>& records) {
  const auto count = 2 + below(3);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto& r = records.emplace_back(start_record(Kind::Module, life, 0));
    r.name = kLibraries[i];
    r.extra = {{"build_id", fmt::format("{:016x}8c5a{:016x}", i * 0x9E3779B97F4A7C15U,
                                        i * 0xD6E8FEB86659FD93U)},
               {"prot", "r-x"}};
  }
}

void Workload::add_lookup(const Life& life, const std::string& host, std::vector<Record>& records) {
  const auto id = below(65536);
  for (const Kind kind : {Kind::DnsQuery, Kind::DnsAnswer}) {
    auto& r = records.emplace_back(start_record(kind, life, 'n'));
    r.flow = fmt::format("{:x}@4026531840", cookie_);
    r.proto = "udp";
    r.local = event::parse_endpoint(fmt::format("10.0.0.7:{}", 32768 + below(28000)));
    r.remote = event::parse_endpoint("10.0.0.1:53");
    r.name = host;
    r.grade = event::Grade::Proven;
    r.via = "send";
    r.extra = {{"type", "A"}, {"id", std::to_string(id)}};
    if (kind != Kind::DnsAnswer) continue;
    r.result = "NOERROR";
    r.extra.emplace_back("answers", "203.0.113.9");
  }
  ++cookie_;
}

void Workload::add_flow(const Life& life, const std::string& host, std::vector<Record>& records) {
  const auto started = boot_ns_;
  auto& r = records.emplace_back(start_record(Kind::FlowClose, life, 'n'));
  r.flow = fmt::format("{:x}@4026531840", cookie_++);
  r.proto = "tcp";
  r.local = event::parse_endpoint(fmt::format("10.0.0.7:{}", 32768 + below(28000)));
  r.remote = event::parse_endpoint(fmt::format("203.0.{}.{}:443", below(200), below(250)));
  r.direction = event::Direction::Out;
  r.name = host;
  r.bytes_out = 300 + below(2000);
  r.bytes_in = below(200'000);
  r.result = "closed";
  r.grade = event::Grade::Proven;
  r.via = "connect";
  r.extra = {{"started_ns", std::to_string(started)},
             {"established_ns", std::to_string(started + below(90'000'000))},
             {"ended_ns", std::to_string(boot_ns_)},
             {"packets_out", std::to_string(5 + below(40))},
             {"packets_in", std::to_string(5 + below(60))},
             {"retransmits", "0"},
             {"creator", to_text(life.key)}};
}

std::vector<Record> Workload::next_life() {
  Life life;
  life.key = {.start_us = boot_ns_ / 1000, .pid = next_pid_};
  next_pid_ = next_pid_ < kPidMax ? next_pid_ + 1 : kFirstPid;
  life.parent = {.start_us = 5'000'000 + below(40) * 77'777,
                 .pid = static_cast<std::uint32_t>(500 + below(40))};
  life.user = std::array{"root", "www-data", "ann", "build"}[below(4)];
  life.exe = "/usr/bin/dash";
  std::vector<Record> records;
  auto& fork = records.emplace_back(start_record(Kind::Fork, life, 'p'));
  fork.args = {"sh", "-c", "make all"};
  life.exe = kPrograms[below(kPrograms.size())];
  const std::string name = life.exe.substr(life.exe.rfind('/') + 1);
  life.args = {name, "-o", fmt::format("/home/build/project/out/module_{}.o", below(3000)),
               "--verbose", fmt::format("src/part_{}/file_{}.cpp", below(60), below(3000))};
  auto& exec = records.emplace_back(start_record(Kind::Exec, life, 'p'));
  exec.args = life.args;
  exec.grade = event::Grade::Proven;
  exec.via = "exec";
  exec.extra = {{"cwd", "/home/build/project"},
                {"uid", "1000"},
                {"euid", "1000"},
                {"gid", "1000"},
                {"auid", "1000"},
                {"ses", "3"},
                {"cgroup", "/user.slice/user-1000.slice/session-3.scope"},
                {"inode", "254:1:131" + std::to_string(below(900))}};
  add_libraries(life, records);
  if (below(4) == 0) {
    const std::string host = fmt::format("host{}.example.org", below(400));
    add_lookup(life, host, records);
    add_flow(life, host, records);
  }
  auto& exit = records.emplace_back(start_record(Kind::Exit, life, 'p'));
  exit.result = "0";
  exit.extra = {{"cpu_us", std::to_string(below(90'000))},
                {"rss_kb", std::to_string(2000 + below(60'000))},
                {"read_bytes", std::to_string(below(100'000))},
                {"written_bytes", std::to_string(below(20'000))}};
  return records;
}

std::vector<Record> Workload::take(std::size_t count) {
  std::vector<Record> records;
  while (records.size() < count) {
    for (auto& record : next_life())
      records.push_back(std::move(record));
  }
  return records;
}

}  // namespace alibi::bench
