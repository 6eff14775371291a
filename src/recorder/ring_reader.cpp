#include "recorder/ring_reader.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace alibi::recorder {
namespace {

constexpr std::size_t kHeaderBytes = 8;  // u32 length and flags, u32 page offset

std::uint64_t load_position(const std::byte* page) {
  return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(page), __ATOMIC_ACQUIRE);
}

std::uint64_t round_up_8(std::uint64_t n) { return (n + 7) & ~std::uint64_t{7}; }

}  // namespace

Result<std::unique_ptr<RingReader>> RingReader::open(int map_fd) {
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(map_fd, &info, &size) != 0)
    return fail_errno(errno, "read ring map");
  auto reader = std::unique_ptr<RingReader>(new RingReader);
  reader->page_bytes_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  reader->ring_bytes_ = info.max_entries;

  void* consumer =
      ::mmap(nullptr, reader->page_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return fail_errno(errno, "map ring consumer page");
  reader->consumer_page_ = static_cast<std::byte*>(consumer);
  void* producer = ::mmap(nullptr, reader->page_bytes_ + reader->ring_bytes_, PROT_READ, MAP_SHARED,
                          map_fd, static_cast<off_t>(reader->page_bytes_));
  if (producer == MAP_FAILED) return fail_errno(errno, "map ring data");
  reader->producer_page_ = static_cast<std::byte*>(producer);
  reader->ring_ = reader->producer_page_ + reader->page_bytes_;
  reader->cursor_ = load_position(reader->consumer_page_);
  reader->released_ = reader->cursor_;
  reader->ahead_ = reader->cursor_;
  return reader;
}

RingReader::~RingReader() {
  if (consumer_page_) ::munmap(consumer_page_, page_bytes_);
  if (producer_page_) ::munmap(producer_page_, page_bytes_ + ring_bytes_);
}

std::uint64_t RingReader::producer() const { return load_position(producer_page_); }

std::span<const std::byte> RingReader::bytes_at(std::uint64_t position, std::size_t size) {
  const std::size_t start = position & (ring_bytes_ - 1);
  if (start + size <= ring_bytes_) return {ring_ + start, size};
  const std::size_t first = ring_bytes_ - start;
  crossing_.resize(size);
  std::memcpy(crossing_.data(), ring_ + start, first);
  std::memcpy(crossing_.data() + first, ring_, size - first);
  return crossing_;
}

std::size_t RingReader::read(std::uint64_t limit,
                             const std::function<void(std::span<const std::byte>)>& visit) {
  std::size_t count = 0;
  walk(
      cursor_, limit,
      [&count](std::span<const std::byte>) {
        ++count;
        return true;
      },
      visit);
  return count;
}

bool RingReader::read_while(std::uint64_t limit,
                            const std::function<bool(std::span<const std::byte>)>& is_due,
                            const std::function<void(std::span<const std::byte>)>& visit) {
  return walk(cursor_, limit, is_due, visit);
}

void RingReader::read_ahead(std::uint64_t limit,
                            const std::function<void(std::span<const std::byte>)>& visit) {
  walk(
      ahead_, limit, [](std::span<const std::byte>) { return true; }, visit);
}

bool RingReader::walk(std::uint64_t& cursor, std::uint64_t limit,
                      const std::function<bool(std::span<const std::byte>)>& is_due,
                      const std::function<void(std::span<const std::byte>)>& visit) {
  while (cursor < limit) {
    // The 8 bytes of a header never cross the end: records are 8-byte aligned.
    const auto* header =
        reinterpret_cast<const std::uint32_t*>(ring_ + (cursor & (ring_bytes_ - 1)));
    const std::uint32_t length = __atomic_load_n(header, __ATOMIC_ACQUIRE);
    if (length & BPF_RINGBUF_BUSY_BIT) return true;
    const std::uint32_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
      const auto bytes = bytes_at(cursor + kHeaderBytes, size);
      if (!is_due(bytes)) return true;
      visit(bytes);
    }
    cursor += round_up_8(size + kHeaderBytes);
  }
  return false;
}

void RingReader::release(std::uint64_t position) {
  released_ = position;
  __atomic_store_n(reinterpret_cast<std::uint64_t*>(consumer_page_), position, __ATOMIC_RELEASE);
}

}  // namespace alibi::recorder
