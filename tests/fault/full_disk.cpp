// Fills a small file system under a running log, then makes room, and proves
// that records written plus records told as lost are the records made.

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "store/log_reader.hpp"
#include "store/log_writer.hpp"

namespace {

using namespace alibi;
namespace fs = std::filesystem;

constexpr std::uint64_t kBatch = 20;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "FAILED: %s\n", what);
  std::exit(1);
}

std::vector<event::Record> make_batch(std::uint64_t from) {
  std::vector<event::Record> records(kBatch);
  for (std::uint64_t i = 0; i < kBatch; ++i) {
    auto& record = records[i];
    record.kind = event::Kind::Exec;
    record.boot = boot_now();
    record.time = wall_now();
    record.process = event::ProcessKey{.start_us = 1, .pid = 42};
    record.args = {"/usr/bin/true", std::string(200, 'x')};
    record.source = {.ring = 'p', .cpu = 0, .number = from + i};
  }
  return records;
}

struct Counted {
  std::uint64_t made = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
};

void append(store::LogWriter& writer, Counted& counted) {
  auto records = make_batch(counted.made);
  counted.made += kBatch;
  const auto done = writer.append(records);
  (done ? counted.accepted : counted.refused) += kBatch;
  if (!done) require(done.error().sys_errno == ENOSPC, "the refusal says that the disk is full");
  (void)writer.tick(boot_now());
}

/// Reads everything back and compares.
void check_log(const fs::path& log, const Counted& counted) {
  std::uint64_t written = 0;
  std::uint64_t told = 0;
  std::uint64_t last = 0;
  bool has_fault = false;
  auto reader = store::LogReader::open(log).value();
  const auto done =
      reader->scan({}, store::Order::OldestFirst, [&](const store::BootRecord& entry) {
        const auto& record = entry.record;
        require(record.seq == last + 1, "numbers have no gap");
        last = record.seq;
        written += record.kind == event::Kind::Exec ? 1 : 0;
        if (record.kind == event::Kind::Loss) {
          require(record.result == "disk_full", "the loss has its reason");
          told += std::stoull(std::string(record.find_extra("count")));
        }
        has_fault |= record.kind == event::Kind::Fault && record.result == "disk_full";
        return store::LogReader::Go::On;
      });
  require(done.has_value() && reader->skipped().damage.empty(), "the log reads without damage");
  require(written == counted.accepted, "every accepted record is in the log");
  require(told == counted.refused, "every refused record is told as lost");
  require(has_fault, "the full disk is a record");
  std::printf("made %lu = in the log %lu + told as lost %lu\n", counted.made, written, told);
}

void fill_and_recover(const fs::path& mount_point) {
  const fs::path log = mount_point / "log";
  const fs::path ballast = mount_point / "ballast";
  std::ofstream(ballast) << std::string(1U << 20, 'b');
  store::Limits limits;
  limits.reserve_bytes = 512U << 10;
  limits.segment_bytes = 512U << 10;
  limits.block_ms = 10;
  Counted counted;
  {
    auto writer = store::LogWriter::open(log, "boot-1", limits).value();
    while (counted.refused < 50 * kBatch) {
      append(*writer, counted);
      if (counted.made > 1'000'000) require(false, "the disk fills up");
      if (counted.refused == 0)
        std::ofstream(ballast, std::ios::app) << std::string(16U << 10, 'b');
    }
    require(writer->totals().fault.starts_with("disk_full"), "totals say what is wrong");
    fs::remove(ballast);
    for (int i = 0; i < 40 && !writer->totals().fault.empty(); ++i) {
      ::usleep(100'000);
      (void)writer->tick(boot_now());
    }
    require(writer->totals().fault.empty(), "recording goes on once there is room");
    append(*writer, counted);
    require(counted.refused == writer->totals().refused, "the writer counts the same");
    // Full again, and the recorder ends before there is room.
    std::ofstream again(ballast);
    const auto before = counted.refused;
    while (counted.refused < before + 5 * kBatch) {
      again << std::string(16U << 10, 'b') << std::flush;
      append(*writer, counted);
    }
    require(writer->close().has_value(), "the last words fit");
  }
  check_log(log, counted);
}

}  // namespace

int main() {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0) {
    std::puts("skip: mounting a file system needs root");
    return 77;
  }
  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  std::string mount_point = "/tmp/alibi_full_XXXXXX";
  require(::mkdtemp(mount_point.data()) != nullptr, "a directory to mount on");
  if (::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=3m") != 0) {
    std::puts("skip: a tmpfs cannot be mounted here");
    fs::remove(mount_point);
    return 77;
  }
  fill_and_recover(mount_point);
  ::umount(mount_point.c_str());
  fs::remove(mount_point);
  return 0;
}
