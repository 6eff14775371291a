// Writes a small log for the tests of the command line: the story of a shell
// that runs curl, a server with two workers, a name that was only asked for,
// and an argument that tries to speak to the terminal.
//
//   make_log DIRECTORY

#include <cstdio>
#include <string>
#include <vector>

#include "store/log_writer.hpp"

namespace {

using namespace alibi;
using event::Grade;
using event::Kind;
using event::ProcessKey;
using event::Record;

constexpr const char* kBootId = "0f0e0d0c-0b0a-4909-8807-060504030201";
constexpr std::int64_t kOffsetNs = 1'795'312'800'000'000'000;  // 2026-11-22T02:00:00Z at boot

constexpr ProcessKey kInit{.start_us = 10, .pid = 1};
constexpr ProcessKey kSshd{.start_us = 2'000'000, .pid = 812};
constexpr ProcessKey kShell{.start_us = 60'000'000, .pid = 4001};
constexpr ProcessKey kCurl{.start_us = 70'000'000, .pid = 4242};
constexpr ProcessKey kMaster{.start_us = 20'000'000, .pid = 3000};
constexpr ProcessKey kWorkerA{.start_us = 20'100'000, .pid = 3001};
constexpr ProcessKey kWorkerB{.start_us = 20'200'000, .pid = 3002};
constexpr ProcessKey kDaemon{.start_us = 80'000'000, .pid = 5000};
constexpr ProcessKey kTrick{.start_us = 90'000'000, .pid = 6000};
constexpr ProcessKey kReused{.start_us = 95'000'000, .pid = 4242};

Record make(Kind kind, std::uint64_t boot_us) {
  Record record;
  record.kind = kind;
  record.boot = {boot_us * 1000};
  record.time = {kOffsetNs + static_cast<std::int64_t>(boot_us) * 1000};
  return record;
}

Record snapshot(ProcessKey process, ProcessKey parent, const char* user,
                std::vector<std::string> args) {
  Record record = make(Kind::Process, 1'000'000);
  record.process = process;
  record.parent = parent;
  record.user = user;
  record.exe = args.front();
  record.args = std::move(args);
  record.via = "snapshot";
  return record;
}

Record fork(ProcessKey child, ProcessKey parent) {
  Record record = make(Kind::Fork, child.start_us);
  record.process = child;
  record.parent = parent;
  return record;
}

Record exec(ProcessKey process, std::uint64_t after_us, const char* user, const char* exe,
            std::vector<std::string> args) {
  Record record = make(Kind::Exec, process.start_us + after_us);
  record.process = process;
  record.user = user;
  record.exe = exe;
  record.args = std::move(args);
  record.extra = {{"cwd", "/root"}, {"dev", "8:1"}, {"ino", "77"}};
  return record;
}

Record exit_of(ProcessKey process, std::uint64_t boot_us, const char* result) {
  Record record = make(Kind::Exit, boot_us);
  record.process = process;
  record.result = result;
  return record;
}

Record flow(Kind kind, ProcessKey process, std::uint64_t boot_us, const char* id, const char* local,
            const char* remote, event::Direction direction, const char* result) {
  Record record = make(kind, boot_us);
  record.process = process;
  record.flow = std::string(id) + "@4026531840";
  record.proto = "tcp";
  record.local = event::parse_endpoint(local);
  record.remote = event::parse_endpoint(remote);
  record.direction = direction;
  record.result = result;
  if (process == kCurl) record.exe = "/usr/bin/curl";
  record.grade = Grade::Proven;
  record.via = "connect";
  return record;
}

void add_people(std::vector<Record>& log) {
  log.push_back(snapshot(kInit, {}, "root", {"/usr/lib/systemd/systemd", "--system"}));
  log.push_back(fork(kSshd, kInit));
  log.push_back(exec(kSshd, 500, "root", "/usr/sbin/sshd", {"sshd", "-D"}));
  log.push_back(fork(kShell, kSshd));
  log.push_back(exec(kShell, 500, "root", "/usr/bin/bash", {"-bash"}));
}

void add_curl(std::vector<Record>& log) {
  log.push_back(fork(kCurl, kShell));
  log.push_back(
      exec(kCurl, 400, "root", "/usr/bin/curl", {"curl", "-s", "http://Example.org:8000/"}));
  Record image = make(Kind::Image, kCurl.start_us + 9000);
  image.process = kCurl;
  image.name = "/usr/bin/curl";
  image.extra = {{"sha256", std::string(64, 'a')},
                 {"package", "curl"},
                 {"version", "7.88.1-10"},
                 {"dev", "8:1"},
                 {"ino", "77"}};
  log.push_back(image);
  Record question = make(Kind::DnsQuery, kCurl.start_us + 10'000);
  question.process = kCurl;
  question.name = "Example.org";
  question.extra = {{"type", "A"}, {"id", "7"}};
  log.push_back(question);
  Record close = flow(Kind::FlowClose, kCurl, kCurl.start_us + 90'000, "1f", "10.0.0.1:40000",
                      "192.0.2.7:8000", event::Direction::Out, "closed");
  close.name = "Example.org";
  close.bytes_out = 80;
  close.bytes_in = 5120;
  close.extra = {{"started_ns", "70020000000"},
                 {"ended_ns", "70090000000"},
                 {"creator", "4242@70000000"},
                 {"users", "4242@70000000:send:80:5120"}};
  log.push_back(close);
  log.push_back(flow(Kind::FlowClose, kCurl, kCurl.start_us + 95'000, "20", "10.0.0.1:40001",
                     "127.0.0.1:9", event::Direction::Out, "refused"));
  log.push_back(exit_of(kCurl, kCurl.start_us + 100'000, "7"));
}

void add_server(std::vector<Record>& log) {
  log.push_back(fork(kMaster, kInit));
  log.push_back(exec(kMaster, 400, "root", "/usr/sbin/nginx", {"nginx", "-g", "daemon off;"}));
  log.push_back(fork(kWorkerA, kMaster));
  log.push_back(fork(kWorkerB, kMaster));
  Record open = flow(Kind::FlowOpen, kWorkerA, 85'000'000, "30", "192.0.2.1:443",
                     "198.51.100.9:5555", event::Direction::In, "established");
  open.extra = {{"started_ns", "84000000000"},
                {"creator", "3000@20000000"},
                {"users", "3001@20100000:send:500:100,3002@20200000:recv:0:50"},
                {"holders", "3000@20000000"}};
  log.push_back(open);
  Record unknown = flow(Kind::FlowClose, kWorkerA, 86'000'000, "31", "192.0.2.1:22",
                        "203.0.113.5:6000", event::Direction::In, "reset");
  unknown.process.reset();
  unknown.grade = Grade::Unknown;
  unknown.via = "no owner";
  log.push_back(unknown);
}

void add_oddities(std::vector<Record>& log) {
  log.push_back(fork(kDaemon, kInit));
  log.push_back(exec(kDaemon, 400, "daemon", "/usr/sbin/sleeper", {"sleeper"}));
  Record question = make(Kind::DnsQuery, kDaemon.start_us + 10'000);
  question.process = kDaemon;
  question.name = "only-asked.example";
  question.extra = {{"type", "AAAA"}};
  log.push_back(question);
  log.push_back(fork(kTrick, kShell));
  log.push_back(
      exec(kTrick, 400, "root", "/usr/bin/printf",
           {"printf", "\x1b[31mred\x1b[0m\r\n\xff", "=1+1", "a,b \"c\"", "\xe2\x80\xaegnp"}));
  log.push_back(flow(Kind::FlowClose, kTrick, kTrick.start_us + 90'000, "40", "10.0.0.1:40002",
                     "[2001:db8::7]:80", event::Direction::Out, "timeout"));
  log.push_back(exit_of(kTrick, kTrick.start_us + 95'000, "0"));
  log.push_back(fork(kReused, kShell));
  log.push_back(exec(kReused, 400, "root", "/usr/bin/true", {"true"}));
  log.push_back(exit_of(kReused, kReused.start_us + 1000, "0"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_log DIRECTORY\n");
    return 2;
  }
  auto writer = store::LogWriter::open(argv[1], kBootId, {.reserve_bytes = 0});
  if (!writer) {
    std::fprintf(stderr, "%s\n", writer.error().message.c_str());
    return 1;
  }
  std::vector<Record> log;
  log.push_back(make(Kind::RecorderStart, 900'000));
  Record sensor = make(Kind::Sensor, 900'100);
  sensor.name = "exec";
  sensor.result = "ok";
  sensor.via = "tp_btf/sched_process_exec";
  log.push_back(sensor);
  add_people(log);
  add_server(log);
  add_curl(log);
  add_oddities(log);
  const auto done = (*writer)->append(log);
  const auto closed = (*writer)->close();
  return done && closed ? 0 : 1;
}
