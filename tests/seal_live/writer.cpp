// A recorder without a kernel: writes records and packets into a sealed log, as
// fast as it is told, until somebody ends it. For the tests that kill it.
//
//   seal_writer DIR [--records N] [--rate R] [--small] [--unsealed] [--close]
//
// Without --records it runs until SIGTERM, which is a clean stop. The memory of an encrypted log
// is mounted, and stays; with --close all is packed at the end, and it is unmounted.

#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "seal/identity.hpp"
#include "seal/sealer.hpp"
#include "store/log_writer.hpp"
#include "store/memory_directory.hpp"
#include "store/packet_writer.hpp"

namespace {

using namespace alibi;

volatile sig_atomic_t is_asked_to_stop = 0;

struct Wanted {
  std::string directory;
  std::uint64_t records = 0;  ///< 0: until asked
  std::uint64_t rate = 2000;  ///< a second; 0: as fast as it goes
  bool is_small = false;      ///< segments of some kB, so that they are packed and deleted
  bool is_sealed = true;
  bool is_closed = false;
};

std::int64_t offset_ns = 0;

event::Record record_of(event::Kind kind, std::uint64_t number) {
  event::Record record;
  record.kind = kind;
  record.boot = boot_now();
  record.time = {static_cast<std::int64_t>(record.boot.ns) + offset_ns};
  record.process = event::ProcessKey{.start_us = 7, .pid = 42};
  record.user = "root";
  record.exe = "/usr/bin/curl";
  record.args = {"curl", "-s", "http://127.0.0.1:" + std::to_string(number)};
  record.name = "example.org";
  record.local = event::parse_endpoint("127.0.0.1:40000");
  record.remote = event::parse_endpoint("192.0.2.1:443");
  record.grade = event::Grade::Proven;
  record.via = "connect";
  record.source = {.ring = 'p', .cpu = 0, .number = number};
  return record;
}

store::PacketBatch packets_of(std::size_t count) {
  store::PacketBatch batch;
  for (std::size_t i = 0; i < count; ++i) {
    store::PacketBatch::Entry entry;
    entry.time = wall_now();
    entry.device = {10, 1};
    entry.direction = packet::Direction::Out;
    entry.original_bytes = 100;
    entry.offset = static_cast<std::uint32_t>(batch.bytes.size());
    entry.bytes = 60;
    batch.bytes.insert(batch.bytes.end(), 60, static_cast<std::byte>(i));
    batch.packets.push_back(entry);
  }
  return batch;
}

int failed(const char* what, const Error& error) {
  std::fprintf(stderr, "seal_writer: %s: %s\n", what, error.message.c_str());
  return 1;
}

int write_log(const Wanted& wanted) {
  const std::string boot_id = seal::boot_id_now();
  store::Limits limits;
  if (wanted.is_small) {
    limits.segment_bytes = 64 << 10;
    limits.packet_segment_bytes = 64 << 10;
    limits.budget_bytes = 256 << 10;
    limits.packet_budget_bytes = 64 << 10;
    limits.reserve_bytes = 0;
  }
  const auto layout = store::Layout::of(wanted.directory);
  if (auto done = store::mount_memory(layout, 64 << 20); !done)
    return failed("mount", done.error());
  offset_ns = wall_now().ns - static_cast<std::int64_t>(boot_now().ns);
  std::optional<seal::Sealer> sealer;
  if (wanted.is_sealed)
    sealer.emplace(seal::SealLayout::of(wanted.directory),
                   seal::Session{.boot_id = boot_id, .version = "test", .command = "seal_writer"},
                   seal::MakeWitnessing{});
  auto log = store::LogWriter::open(wanted.directory, boot_id, limits, store::real_disk(),
                                    sealer ? &*sealer : nullptr);
  if (!log) return failed("open the log", log.error());
  auto packets = store::PacketWriter::open(layout, limits, store::real_disk(), (*log)->sealing());
  if (!packets) return failed("open the packets", packets.error());
  if (sealer) sealer->start();
  std::vector<event::Record> first = {record_of(event::Kind::RecorderStart, 0)};
  if (auto done = (*log)->append(first); !done) return failed("append", done.error());
  std::puts("ready");
  std::fflush(stdout);

  const auto began = std::chrono::steady_clock::now();
  std::uint64_t number = 1;
  while (!is_asked_to_stop && (wanted.records == 0 || number <= wanted.records)) {
    std::vector<event::Record> records;
    for (int i = 0; i < 20; ++i)
      records.push_back(record_of(event::Kind::FlowOpen, number++));
    if (auto done = (*log)->append(records); !done) return failed("append", done.error());
    if (wanted.rate != 0 || number % 1000 == 1) (void)(*packets)->append(packets_of(4));
    (*packets)->tick(boot_now());
    (void)(*log)->tick(boot_now());
    if (wanted.rate != 0)
      std::this_thread::sleep_until(began +
                                    std::chrono::microseconds(number * 1'000'000 / wanted.rate));
  }
  std::vector<event::Record> last = {record_of(event::Kind::RecorderStop, 0)};
  (void)(*log)->append(last);
  (void)(*packets)->close();
  if (auto done = (*log)->close(); !done) return failed("close", done.error());
  if (wanted.is_closed) (*log)->pack_rest();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (sealer)
    if (auto done = sealer->stop("test"); !done) return failed("seal", done.error());
  log->reset();
  if (wanted.is_closed)
    if (auto done = store::unmount_memory(layout); !done) return failed("unmount", done.error());
  std::printf("%llu records in %.3f s\n", static_cast<unsigned long long>(number - 1), seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--small")
      wanted.is_small = true;
    else if (word == "--close")
      wanted.is_closed = true;
    else if (word == "--unsealed")
      wanted.is_sealed = false;
    else if (word == "--records" && i + 1 < argc)
      wanted.records = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--rate" && i + 1 < argc)
      wanted.rate = std::strtoull(argv[++i], nullptr, 10);
    else
      wanted.directory = word;
  }
  if (wanted.directory.empty()) {
    std::fprintf(
        stderr,
        "usage: seal_writer DIR [--records N] [--rate R] [--small] [--unsealed] [--close]\n");
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { is_asked_to_stop = 1; };
  ::sigaction(SIGTERM, &action, nullptr);
  return write_log(wanted);
}
