#include "recorder/perf_record.hpp"

#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace alibi::recorder::perf {
namespace {

/// Builds a record field by field, with header and trailer.
class RecordBuilder {
 public:
  RecordBuilder(std::uint32_t type, std::uint16_t misc) : type_(type), misc_(misc) {}
  RecordBuilder& u16(std::uint16_t v) { return add(&v, sizeof v); }
  RecordBuilder& u32(std::uint32_t v) { return add(&v, sizeof v); }
  RecordBuilder& u64(std::uint64_t v) { return add(&v, sizeof v); }
  RecordBuilder& text(std::string v) {
    v.resize((v.size() + 8) / 8 * 8);
    return add(v.data(), v.size());
  }
  RecordBuilder& add(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    body_.insert(body_.end(), bytes, bytes + size);
    return *this;
  }
  std::vector<std::byte> build() {
    u32(70).u32(71).u64(123456789).u32(3).u32(0);  // trailer: pid, tid, time, cpu
    perf_event_header header{type_, misc_,
                             static_cast<std::uint16_t>(body_.size() + sizeof header)};
    std::vector<std::byte> bytes(header.size);
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + sizeof header, body_.data(), body_.size());
    return bytes;
  }

 private:
  std::uint32_t type_;
  std::uint16_t misc_;
  std::vector<std::byte> body_;
};

RecordBuilder map2(std::uint16_t misc, std::uint32_t prot, const std::string& path) {
  RecordBuilder builder(PERF_RECORD_MMAP2, misc);
  builder.u32(10).u32(11).u64(0x7f0000001000).u64(0x2000).u64(0x3000);
  if ((misc & PERF_RECORD_MISC_MMAP_BUILD_ID) != 0) {
    std::array<std::uint8_t, 24> id{20, 0, 0, 0};
    for (std::size_t i = 0; i < 20; ++i)
      id[4 + i] = static_cast<std::uint8_t>(0xA0 + i);
    builder.add(id.data(), id.size());
  } else {
    builder.u32(8).u32(1).u64(4242).u64(0);
  }
  builder.u32(prot).u32(MAP_PRIVATE).text(path);
  return builder;
}

std::vector<std::byte> bpf_event() {
  RecordBuilder builder(PERF_RECORD_BPF_EVENT, 0);
  builder.u16(PERF_BPF_EVENT_PROG_LOAD).u16(0).u32(55).u64(0x0807060504030201);
  return builder.build();
}

TEST(PerfRecord, MappingWithInode) {
  const auto bytes = map2(0, PROT_READ | PROT_EXEC, "/usr/lib/libc.so.6").build();
  const Record record = decode_perf_record(bytes);
  ASSERT_TRUE(std::holds_alternative<MapExec>(record));
  const auto& map = std::get<MapExec>(record);
  EXPECT_EQ(map.pid, 10U);
  EXPECT_EQ(map.tid, 11U);
  EXPECT_EQ(map.boot.ns, 123456789U);
  EXPECT_EQ(map.address, 0x7f0000001000U);
  EXPECT_EQ(map.length_bytes, 0x2000U);
  EXPECT_EQ(map.file_offset_bytes, 0x3000U);
  EXPECT_EQ(map.device_major, 8U);
  EXPECT_EQ(map.device_minor, 1U);
  EXPECT_EQ(map.inode, 4242U);
  EXPECT_EQ(map.build_id.size, 0);
  EXPECT_EQ(map.prot, static_cast<std::uint32_t>(PROT_READ | PROT_EXEC));
  EXPECT_EQ(map.path, "/usr/lib/libc.so.6");
}

TEST(PerfRecord, MappingWithBuildId) {
  const auto bytes = map2(PERF_RECORD_MISC_MMAP_BUILD_ID, PROT_EXEC, "/lib/x.so").build();
  const auto map = std::get<MapExec>(decode_perf_record(bytes));
  EXPECT_EQ(map.build_id.size, 20);
  EXPECT_EQ(map.build_id.bytes[0], 0xA0);
  EXPECT_EQ(map.build_id.bytes[19], 0xB3);
  EXPECT_EQ(map.inode, 0U);
}

TEST(PerfRecord, OnlyExecutableFilesAndMemoryCount) {
  const auto kept = [](std::uint32_t prot, const char* path) {
    const auto bytes = map2(0, prot, path).build();
    return std::holds_alternative<MapExec>(decode_perf_record(bytes));
  };
  EXPECT_FALSE(kept(PROT_READ, "/lib/x.so"));
  EXPECT_FALSE(kept(PROT_EXEC, "[vdso]"));
  EXPECT_FALSE(kept(PROT_EXEC, "[vsyscall]"));
  EXPECT_TRUE(kept(PROT_READ | PROT_WRITE | PROT_EXEC, "//anon"));
}

TEST(PerfRecord, ForkOfProcessAndOfThread) {
  const auto process =
      RecordBuilder(PERF_RECORD_FORK, 0).u32(20).u32(10).u32(20).u32(11).u64(99).build();
  const auto child = std::get<NewProcess>(decode_perf_record(process));
  EXPECT_EQ(child.pid, 20U);
  EXPECT_EQ(child.parent_pid, 10U);
  EXPECT_EQ(child.parent_tid, 11U);
  EXPECT_EQ(child.boot.ns, 99U);
  const auto thread =
      RecordBuilder(PERF_RECORD_FORK, 0).u32(10).u32(10).u32(21).u32(10).u64(99).build();
  EXPECT_TRUE(std::holds_alternative<Ignored>(decode_perf_record(thread)));
}

TEST(PerfRecord, ExitCommAndLoss) {
  const auto exit =
      RecordBuilder(PERF_RECORD_EXIT, 0).u32(20).u32(10).u32(21).u32(10).u64(77).build();
  const auto ended = std::get<EndedTask>(decode_perf_record(exit));
  EXPECT_EQ(ended.pid, 20U);
  EXPECT_EQ(ended.tid, 21U);
  EXPECT_EQ(ended.boot.ns, 77U);
  const auto comm = RecordBuilder(PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC)
                        .u32(5)
                        .u32(5)
                        .text("curl")
                        .build();
  EXPECT_EQ(std::get<Exec>(decode_perf_record(comm)).comm, "curl");
  const auto renamed = RecordBuilder(PERF_RECORD_COMM, 0).u32(5).u32(5).text("curl").build();
  EXPECT_TRUE(std::holds_alternative<Ignored>(decode_perf_record(renamed)));
  const auto lost = RecordBuilder(PERF_RECORD_LOST, 0).u64(1).u64(17).build();
  EXPECT_EQ(std::get<Lost>(decode_perf_record(lost)).count, 17U);
  EXPECT_EQ(std::get<Lost>(decode_perf_record(lost)).cpu, 3U);
}

TEST(PerfRecord, BpfProgramNamespacesAndCgroup) {
  const auto program = std::get<BpfProgram>(decode_perf_record(bpf_event()));
  EXPECT_EQ(program.id, 55U);
  EXPECT_TRUE(program.is_load);
  EXPECT_EQ(program.tag[0], 1);
  EXPECT_EQ(program.tag[7], 8);
  EXPECT_EQ(program.tid, 71U);
  RecordBuilder builder(PERF_RECORD_NAMESPACES, 0);
  builder.u32(5).u32(6).u64(7);
  for (std::uint64_t i = 0; i < 7; ++i)
    builder.u64(4).u64(4026531800 + i);
  const auto namespaces = std::get<Namespaces>(decode_perf_record(builder.build()));
  EXPECT_EQ(namespaces.inodes[static_cast<std::size_t>(NamespaceType::Net)], 4026531800U);
  EXPECT_EQ(namespaces.inodes[static_cast<std::size_t>(NamespaceType::Cgroup)], 4026531806U);
  const auto cgroup = RecordBuilder(PERF_RECORD_CGROUP, 0).u64(900).text("/system.slice").build();
  EXPECT_EQ(std::get<NewCgroup>(decode_perf_record(cgroup)).path, "/system.slice");
}

// As the second of two listeners gets it from the kernel.
TEST(PerfRecord, WhatFollowsTheTrailerOfABpfEventMeansNothing) {
  const auto alone = bpf_event();
  std::vector<std::byte> bytes(alone.size() + 24, std::byte{0x74});
  std::ranges::copy(alone, bytes.begin());
  const auto size = static_cast<std::uint16_t>(bytes.size());
  std::memcpy(bytes.data() + offsetof(perf_event_header, size), &size, sizeof size);
  const auto program = std::get<BpfProgram>(decode_perf_record(bytes));
  EXPECT_EQ(program.id, 55U);
  EXPECT_EQ(program.tid, 71U);
  EXPECT_EQ(program.boot.ns, 123456789U);
}

TEST(PerfRecord, ClaimsBeyondTheRecordAreRefused) {
  const auto namespaces =
      RecordBuilder(PERF_RECORD_NAMESPACES, 0).u32(5).u32(6).u64(1ULL << 60).u64(4).build();
  EXPECT_TRUE(std::holds_alternative<Malformed>(decode_perf_record(namespaces)));
  auto bytes = map2(PERF_RECORD_MISC_MMAP_BUILD_ID, PROT_EXEC, "/x").build();
  bytes[sizeof(perf_event_header) + 32] = std::byte{21};  // build id longer than its field
  EXPECT_TRUE(std::holds_alternative<Malformed>(decode_perf_record(bytes)));
}

TEST(PerfRecord, EveryCutIsRefused) {
  auto whole = map2(0, PROT_EXEC, "").build();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto cut = std::vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_TRUE(std::holds_alternative<Malformed>(decode_perf_record(cut))) << size;
    if (size >= sizeof(perf_event_header) && size < whole.size() - 8) {
      const auto claimed = static_cast<std::uint16_t>(size);
      std::memcpy(cut.data() + 6, &claimed, sizeof claimed);  // the header agrees with the cut
      EXPECT_TRUE(std::holds_alternative<Malformed>(decode_perf_record(cut))) << size;
    }
  }
}

}  // namespace
}  // namespace alibi::recorder::perf
