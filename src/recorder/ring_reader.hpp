#pragma once
// Reads a BPF ring buffer without giving anything back before it is told to.
//
// libbpf's reader moves the consumer position after each callback; here the
// position moves only in release(), after the records are in the log. A crash
// in between delivers the same records again (at least once), and the source
// numbers in the log remove the repeats (exactly once).
//
// Layout: kernel/bpf/ringbuf.c (Linux 5.8): consumer page, producer page, data.
// The data area is mapped once, not twice; a record that crosses the end is
// copied. Thread: read() from the drain thread, release() from the store thread.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace alibi::recorder {

class RingReader {
 public:
  /// `map_fd` is borrowed. Errors: Io.
  static Result<std::unique_ptr<RingReader>> open(int map_fd);
  ~RingReader();
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  /// How far the kernel has reserved now.
  [[nodiscard]] std::uint64_t producer() const;
  /// How far read() has come.
  [[nodiscard]] std::uint64_t cursor() const { return cursor_; }

  /// Hands the committed records up to position `limit` to `visit`, in order;
  /// stops at a record that is still being written. The bytes are valid during
  /// the call only. Returns the number of records.
  std::size_t read(std::uint64_t limit,
                   const std::function<void(std::span<const std::byte>)>& visit);

  /// The same, up to the first record for which `is_due` is false. True when
  /// there was one, or one that is still being written: more has to wait.
  bool read_while(std::uint64_t limit,
                  const std::function<bool(std::span<const std::byte>)>& is_due,
                  const std::function<void(std::span<const std::byte>)>& visit);

  /// Hands on what read() will hand on later, each record once.
  void read_ahead(std::uint64_t limit,
                  const std::function<void(std::span<const std::byte>)>& visit);

  /// Gives everything before `position` back to the kernel.
  void release(std::uint64_t position);

  /// Bytes not yet released.
  [[nodiscard]] std::uint64_t pending_bytes() const { return producer() - released_.load(); }
  /// Some of that was read.
  [[nodiscard]] bool has_unreleased() const { return cursor_ != released_.load(); }

 private:
  RingReader() = default;
  bool walk(std::uint64_t& cursor, std::uint64_t limit,
            const std::function<bool(std::span<const std::byte>)>& is_due,
            const std::function<void(std::span<const std::byte>)>& visit);
  [[nodiscard]] std::span<const std::byte> bytes_at(std::uint64_t position, std::size_t size);

  std::byte* consumer_page_ = nullptr;
  std::byte* producer_page_ = nullptr;
  const std::byte* ring_ = nullptr;
  std::size_t ring_bytes_ = 0;
  std::size_t page_bytes_ = 0;
  std::uint64_t cursor_ = 0;
  std::uint64_t ahead_ = 0;  ///< of read_ahead()
  std::atomic<std::uint64_t> released_ = 0;
  std::vector<std::byte> crossing_;
};

}  // namespace alibi::recorder
