#include "recorder/perf_record.hpp"

#include <linux/perf_event.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace alibi::recorder::perf {
namespace {

constexpr std::size_t kTrailerBytes = 24;  // u32 pid, tid; u64 time; u32 cpu, reserved
constexpr std::size_t kMap2FixedBytes = 64;
constexpr std::size_t kMaxBuildIdBytes = 20;

/// The body of a record (between header and trailer) with reads that cannot
/// leave it.
class Body {
 public:
  explicit Body(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool has(std::size_t size) const { return bytes_.size() >= size; }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const { return read<std::uint32_t>(at); }
  [[nodiscard]] std::uint64_t u64(std::size_t at) const { return read<std::uint64_t>(at); }
  [[nodiscard]] std::uint8_t u8(std::size_t at) const { return read<std::uint8_t>(at); }

  /// Text from `at` up to its NUL or the end of the body.
  [[nodiscard]] std::string_view text(std::size_t at) const {
    if (at >= bytes_.size()) return {};
    const char* begin = reinterpret_cast<const char*>(bytes_.data()) + at;
    return {begin, ::strnlen(begin, bytes_.size() - at)};
  }

  template <std::size_t N>
  void copy(std::size_t at, std::array<std::uint8_t, N>& to) const {
    if (at + N <= bytes_.size()) std::memcpy(to.data(), bytes_.data() + at, N);
  }

 private:
  template <typename T>
  [[nodiscard]] T read(std::size_t at) const {
    T value{};
    if (at + sizeof value <= bytes_.size()) std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }

  std::span<const std::byte> bytes_;
};

struct Trailer {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  BootNs boot;
  std::uint32_t cpu = 0;
};

Record decode_map(const Body& body, const Trailer& trailer, bool has_build_id) {
  if (!body.has(kMap2FixedBytes)) return Malformed{};
  MapExec map{.pid = body.u32(0), .tid = body.u32(4), .boot = trailer.boot};
  map.address = body.u64(8);
  map.length_bytes = body.u64(16);
  map.file_offset_bytes = body.u64(24);
  if (has_build_id) {
    map.build_id.size = body.u8(32);
    if (map.build_id.size > kMaxBuildIdBytes) return Malformed{};
    body.copy(36, map.build_id.bytes);
  } else {
    map.device_major = body.u32(32);
    map.device_minor = body.u32(36);
    map.inode = body.u64(40);
  }
  map.prot = body.u32(56);
  map.flags = body.u32(60);
  map.path = body.text(kMap2FixedBytes);
  // The vdso is in every process and comes from the kernel itself.
  const bool is_kernel_page = map.path == "[vdso]" || map.path == "[vsyscall]";
  if ((map.prot & PROT_EXEC) == 0 || is_kernel_page) return Ignored{};
  return map;
}

Record decode_task(const Body& body, bool is_new) {
  if (!body.has(24)) return Malformed{};
  const std::uint32_t pid = body.u32(0);
  const std::uint32_t tid = body.u32(8);
  const BootNs boot{body.u64(16)};
  if (!is_new) return EndedTask{.pid = pid, .tid = tid, .boot = boot};
  if (tid != pid) return Ignored{};  // a further thread of a process
  return NewProcess{
      .pid = pid, .parent_pid = body.u32(4), .parent_tid = body.u32(12), .boot = boot};
}

Trailer trailer_at(std::span<const std::byte> bytes) {
  const Body end(bytes);
  return {end.u32(0), end.u32(4), BootNs{end.u64(8)}, end.u32(16)};
}

// The kernel counts the trailer into the size once for each listener it has told
// already (perf_event_bpf_output in kernel/events/core.c, 5.0 to 6.18 at least): where
// others listen too, bytes of no meaning follow, and the trailer is not at the end.
Record decode_bpf(std::span<const std::byte> bytes) {
  constexpr std::size_t kFixedBytes = 16;
  if (bytes.size() < kFixedBytes + kTrailerBytes) return Malformed{};
  const Body body(bytes);
  const Trailer trailer = trailer_at(bytes.subspan(kFixedBytes));
  const std::uint32_t type = body.u32(0) & 0xFFFFU;
  if (type != PERF_BPF_EVENT_PROG_LOAD && type != PERF_BPF_EVENT_PROG_UNLOAD) return Ignored{};
  BpfProgram program{.id = body.u32(4),
                     .is_load = type == PERF_BPF_EVENT_PROG_LOAD,
                     .pid = trailer.pid,
                     .tid = trailer.tid,
                     .boot = trailer.boot};
  body.copy(8, program.tag);
  return program;
}

Record decode_namespaces(const Body& body, const Trailer& trailer) {
  if (!body.has(16)) return Malformed{};
  Namespaces namespaces{.pid = body.u32(0), .tid = body.u32(4), .boot = trailer.boot};
  const std::uint64_t count = std::min<std::uint64_t>(body.u64(8), namespaces.inodes.size());
  if (!body.has(16 + count * 16)) return Malformed{};
  for (std::size_t i = 0; i < count; ++i)
    namespaces.inodes[i] = body.u64(16 + i * 16 + 8);
  return namespaces;
}

}  // namespace

Record decode_perf_record(std::span<const std::byte> bytes) {
  perf_event_header header{};
  if (bytes.size() < sizeof header + kTrailerBytes) return Malformed{};
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.size != bytes.size()) return Malformed{};
  const Trailer trailer = trailer_at(bytes.last(kTrailerBytes));
  const Body body(bytes.subspan(sizeof header, bytes.size() - sizeof header - kTrailerBytes));
  switch (header.type) {
    case PERF_RECORD_MMAP2:
      return decode_map(body, trailer, (header.misc & PERF_RECORD_MISC_MMAP_BUILD_ID) != 0);
    case PERF_RECORD_FORK: return decode_task(body, true);
    case PERF_RECORD_EXIT: return decode_task(body, false);
    case PERF_RECORD_COMM:
      if (!body.has(9)) return Malformed{};
      if ((header.misc & PERF_RECORD_MISC_COMM_EXEC) == 0) return Ignored{};
      return Exec{body.u32(0), body.u32(4), trailer.boot, body.text(8)};
    case PERF_RECORD_BPF_EVENT: return decode_bpf(bytes.subspan(sizeof header));
    case PERF_RECORD_NAMESPACES: return decode_namespaces(body, trailer);
    case PERF_RECORD_CGROUP:
      if (!body.has(9)) return Malformed{};
      return NewCgroup{body.u64(0), trailer.boot, body.text(8)};
    case PERF_RECORD_LOST:
      if (!body.has(16)) return Malformed{};
      return Lost{trailer.cpu, body.u64(8), trailer.boot};
    default: return Ignored{};
  }
}

}  // namespace alibi::recorder::perf
