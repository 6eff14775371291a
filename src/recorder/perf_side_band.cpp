#include "recorder/perf_side_band.hpp"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "base/unique_fd.hpp"

namespace alibi::recorder::perf {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kMaxRecordBytes = 65536;  // perf_event_header::size is 16 bits
constexpr std::uint32_t kMaxCpus = 4096;

Result<std::vector<std::uint32_t>> online_cpus() {
  const UniqueFd fd(::open("/sys/devices/system/cpu/online", O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return fail_errno(errno, "open /sys/devices/system/cpu/online");
  std::array<char, 4096> text{};
  const ssize_t size = ::read(fd.get(), text.data(), text.size());
  if (size < 0) return fail_errno(errno, "read /sys/devices/system/cpu/online");
  return parse_cpu_list({text.data(), static_cast<std::size_t>(size)});
}

perf_event_attr event_attributes(std::uint32_t pages, const PerfSideBand::Features& features) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;
  attributes.sample_id_all = 1;
  attributes.mmap = 1;
  attributes.mmap2 = 1;
  attributes.comm = 1;
  attributes.comm_exec = 1;
  attributes.task = 1;
  attributes.bpf_event = 1;
  attributes.namespaces = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  attributes.use_clockid = 1;
  attributes.clockid = CLOCK_BOOTTIME;
  attributes.watermark = 1;
  attributes.wakeup_watermark = static_cast<std::uint32_t>(pages * kPageBytes / 4);
  attributes.build_id = features.has_build_id ? 1 : 0;
  attributes.cgroup = features.has_cgroup ? 1 : 0;
  attributes.read_format = features.has_exact_loss ? PERF_FORMAT_LOST : 0;
  return attributes;
}

int open_event(std::uint32_t cpu, std::uint32_t pages, const PerfSideBand::Features& features) {
  perf_event_attr attributes = event_attributes(pages, features);
  return static_cast<int>(::syscall(SYS_perf_event_open, &attributes, -1, static_cast<int>(cpu), -1,
                                    PERF_FLAG_FD_CLOEXEC));
}

/// The kernel answers EINVAL for any feature it lacks, without saying which:
/// try with fewer, the youngest left out first.
Result<PerfSideBand::Features> probe_features(std::uint32_t cpu, std::uint32_t pages) {
  for (unsigned kept = 8; kept-- > 0;) {
    const PerfSideBand::Features features{.has_build_id = (kept & 2U) != 0,
                                          .has_cgroup = (kept & 4U) != 0,
                                          .has_exact_loss = (kept & 1U) != 0};
    const UniqueFd fd(open_event(cpu, pages, features));
    if (fd.is_open()) return features;
    if (errno != EINVAL) return fail_errno(errno, "perf_event_open");
  }
  return fail(Errc::Unsupported,
              "perf_event_open: this kernel has no software event with mmap2, "
              "namespaces and bpf_event (Linux 5.1)");
}

}  // namespace

/// The buffer of one CPU.
class Ring {
 public:
  static Result<std::unique_ptr<Ring>> open(std::uint32_t cpu, std::uint32_t pages,
                                            const PerfSideBand::Features& features) {
    auto ring = std::unique_ptr<Ring>(new Ring(cpu, pages * kPageBytes));
    ring->fd_ = UniqueFd(open_event(cpu, pages, features));
    if (!ring->fd_.is_open())
      return fail_errno(errno, "perf_event_open cpu " + std::to_string(cpu));
    void* memory = ::mmap(nullptr, ring->mapped_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED,
                          ring->fd_.get(), 0);
    if (memory == MAP_FAILED)
      return fail_errno(errno, "map the perf buffer of cpu " + std::to_string(cpu));
    ring->page_ = static_cast<perf_event_mmap_page*>(memory);
    return ring;
  }

  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (page_ != nullptr) ::munmap(page_, mapped_bytes());
  }

  [[nodiscard]] std::uint32_t cpu() const { return cpu_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// Records dropped by the kernel; only with PERF_FORMAT_LOST.
  [[nodiscard]] std::uint64_t lost() const {
    struct {
      std::uint64_t value, lost;
    } counters{};
    const bool is_read = ::read(fd_.get(), &counters, sizeof counters) == sizeof counters;
    return is_read ? counters.lost : 0;
  }

  void mark() { marked_ = __atomic_load_n(&page_->data_head, __ATOMIC_ACQUIRE); }

  /// Calls `take` with the bytes of each record present at the last mark.
  template <typename Take>
  std::size_t drain(std::vector<std::byte>& scratch, Take take) {
    const std::uint64_t head = marked_;
    std::uint64_t tail = page_->data_tail;
    std::size_t count = 0;
    while (tail < head) {
      perf_event_header header{};
      const std::uint64_t available = head - tail;
      if (available >= sizeof header) copy_out(tail, std::as_writable_bytes(std::span(&header, 1)));
      if (header.size < sizeof header || header.size > available) {
        take(std::span<const std::byte>{});  // the kernel never does this; skip what cannot be read
        tail = head;
        break;
      }
      take(whole_record(tail, header.size, scratch));
      tail += header.size;
      ++count;
    }
    __atomic_store_n(&page_->data_tail, tail, __ATOMIC_RELEASE);
    return count;
  }

 private:
  Ring(std::uint32_t cpu, std::size_t bytes) : cpu_(cpu), bytes_(bytes) {}

  [[nodiscard]] std::size_t mapped_bytes() const { return bytes_ + kPageBytes; }
  [[nodiscard]] const std::byte* memory() const {
    return reinterpret_cast<const std::byte*>(page_) + kPageBytes;
  }

  void copy_out(std::uint64_t position, std::span<std::byte> to) const {
    const std::size_t at = position & (bytes_ - 1);
    const std::size_t first = std::min(to.size(), bytes_ - at);
    std::memcpy(to.data(), memory() + at, first);
    std::memcpy(to.data() + first, memory(), to.size() - first);
  }

  /// In place where the record does not cross the end of the buffer.
  [[nodiscard]] std::span<const std::byte> whole_record(std::uint64_t position, std::size_t size,
                                                        std::vector<std::byte>& scratch) const {
    const std::size_t at = position & (bytes_ - 1);
    if (at + size <= bytes_) return {memory() + at, size};
    copy_out(position, std::span(scratch).first(size));
    return std::span<const std::byte>(scratch).first(size);
  }

  std::uint32_t cpu_;
  std::size_t bytes_;
  UniqueFd fd_;
  perf_event_mmap_page* page_ = nullptr;
  std::uint64_t marked_ = 0;
};

PerfSideBand::PerfSideBand(std::uint32_t pages, Features features)
    : pages_(pages), features_(features), scratch_(kMaxRecordBytes) {}
PerfSideBand::PerfSideBand(PerfSideBand&&) noexcept = default;
PerfSideBand& PerfSideBand::operator=(PerfSideBand&&) noexcept = default;
PerfSideBand::~PerfSideBand() = default;

Result<PerfSideBand> PerfSideBand::open(std::uint32_t pages) {
  if (pages < 2 || !std::has_single_bit(pages) || pages > (1U << 16)) {
    return fail(Errc::Usage, "perf_pages must be a power of two from 2 to 65536");
  }
  auto cpus = online_cpus();
  if (!cpus) return std::unexpected(std::move(cpus.error()));
  if (cpus->empty()) return fail(Errc::Unsupported, "/sys/devices/system/cpu/online names no CPU");
  auto features = probe_features(cpus->front(), pages);
  if (!features) return std::unexpected(std::move(features.error()));
  PerfSideBand band(pages, *features);
  if (auto opened = band.refresh(); !opened) return std::unexpected(std::move(opened.error()));
  return band;
}

std::vector<int> PerfSideBand::poll_fds() const {
  std::vector<int> fds;
  fds.reserve(rings_.size());
  for (const auto& ring : rings_)
    fds.push_back(ring->fd());
  return fds;
}

void PerfSideBand::mark() {
  for (const auto& ring : rings_)
    ring->mark();
}

std::size_t PerfSideBand::drain(const OnRecord& on_record) {
  std::size_t count = 0;
  for (const auto& ring : rings_) {
    count += ring->drain(scratch_, [&](std::span<const std::byte> bytes) {
      const Record record = decode_perf_record(bytes);
      if (const auto* lost = std::get_if<Lost>(&record)) lost_in_records_ += lost->count;
      if (!std::holds_alternative<Ignored>(record)) on_record(record);
    });
  }
  return count;
}

std::uint64_t PerfSideBand::lost() const {
  if (!features_.has_exact_loss) return lost_in_records_;
  std::uint64_t total = lost_in_retired_;
  for (const auto& ring : rings_)
    total += ring->lost();
  return total;
}

Result<std::size_t> PerfSideBand::refresh() {
  auto online = online_cpus();
  if (!online) return std::unexpected(std::move(online.error()));
  // A CPU that comes back does not bring its old event back to life.
  std::erase_if(rings_, [&](const std::unique_ptr<Ring>& ring) {
    if (std::ranges::find(*online, ring->cpu()) != online->end()) return false;
    if (features_.has_exact_loss) lost_in_retired_ += ring->lost();
    return true;
  });
  std::size_t opened = 0;
  for (const std::uint32_t cpu : *online) {
    const auto is_it = [cpu](const std::unique_ptr<Ring>& ring) { return ring->cpu() == cpu; };
    if (std::ranges::any_of(rings_, is_it)) continue;
    auto ring = Ring::open(cpu, pages_, features_);
    if (!ring && ring.error().sys_errno == ENODEV) continue;  // went offline in between
    if (!ring) return std::unexpected(std::move(ring.error()));
    rings_.push_back(std::move(*ring));
    ++opened;
  }
  return opened;
}

std::vector<std::uint32_t> parse_cpu_list(std::string_view text) {
  std::vector<std::uint32_t> cpus;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at != end) {
    std::uint32_t first = 0;
    auto parsed = std::from_chars(at, end, first);
    if (parsed.ec != std::errc{}) break;
    std::uint32_t last = first;
    if (parsed.ptr != end && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, end, last);
      if (parsed.ec != std::errc{}) break;
    }
    if (last < first || last >= kMaxCpus) break;
    for (std::uint32_t cpu = first; cpu <= last; ++cpu)
      cpus.push_back(cpu);
    if (parsed.ptr == end || *parsed.ptr != ',') break;
    at = parsed.ptr + 1;
  }
  return cpus;
}

}  // namespace alibi::recorder::perf
