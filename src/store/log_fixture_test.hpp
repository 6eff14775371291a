#pragma once
// What the tests of this folder share: a directory of their own and records.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "store/log_reader.hpp"
#include "store/log_writer.hpp"

namespace alibi::store {

inline const std::string kBoot = "11111111-2222-3333-4444-555555555555";
inline const std::string kOtherBoot = "99999999-2222-3333-4444-555555555555";

class LogTest : public testing::Test {
 protected:
  LogTest() {
    // In memory where that is possible: some tests open thousands of logs.
    std::string name = (::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : testing::TempDir()) +
                       std::string("/alibi_store_XXXXXX");
    directory_ = ::mkdtemp(name.data());
    limits_.reserve_bytes = 0;
  }
  ~LogTest() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path log() const { return directory_ / "log"; }

  std::unique_ptr<LogWriter> open_writer(const std::string& boot_id = kBoot) {
    auto writer = LogWriter::open(log(), boot_id, limits_);
    EXPECT_TRUE(writer) << writer.error().message;
    return writer ? std::move(*writer) : nullptr;
  }

  /// All records in the log, and that nothing was passed over.
  std::vector<event::Record> read_all(const Hints& hints = {}, Order order = Order::OldestFirst) {
    std::vector<event::Record> records;
    auto reader = LogReader::open(log());
    EXPECT_TRUE(reader) << reader.error().message;
    const auto done = (*reader)->scan(hints, order, [&](const BootRecord& entry) {
      records.push_back(entry.record);
      return LogReader::Go::On;
    });
    EXPECT_TRUE(done) << done.error().message;
    for (const auto& damage : (*reader)->skipped().damage) {
      if (may_have_torn_ends_ && damage.what == "the last line has no end") continue;
      ADD_FAILURE() << damage.file << " at " << damage.offset << ": " << damage.what;
    }
    return records;
  }

  static void expect_gapless(const std::vector<event::Record>& records) {
    for (std::size_t i = 0; i < records.size(); ++i)
      ASSERT_EQ(records[i].seq, i + 1) << to_text(records[i].kind);
  }

  std::filesystem::path directory_;
  Limits limits_;
  bool may_have_torn_ends_ = false;
};

inline event::Record make_record(event::Kind kind, std::uint32_t pid, std::uint64_t number = 0) {
  event::Record r;
  r.kind = kind;
  r.boot = {1'000'000'000 + number * 1000};
  r.time = WallNs{1'795'314'610'000'000'000 + static_cast<std::int64_t>(r.boot.ns)};
  r.process = event::ProcessKey{.start_us = 7, .pid = pid};
  r.parent = event::ProcessKey{.start_us = 1, .pid = 1};
  r.user = "root";
  r.exe = "/usr/bin/curl";
  r.args = {"curl", "http://127.0.0.1:" + std::to_string(number)};
  r.name = "example.org";
  r.local = event::parse_endpoint("127.0.0.1:40000");
  r.remote = event::parse_endpoint("192.0.2.1:443");
  r.grade = event::Grade::Proven;
  r.via = "connect";
  r.source = {.ring = 'p', .cpu = 0, .number = number};
  return r;
}

inline std::vector<event::Record> make_records(std::size_t count, std::uint32_t pid = 42,
                                               std::uint64_t from = 0) {
  std::vector<event::Record> records;
  for (std::size_t i = 0; i < count; ++i)
    records.push_back(make_record(event::Kind::FlowOpen, pid, from + i));
  return records;
}

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace alibi::store
