#pragma once
// The packet ring, read twice: first ahead, for what packets say of their
// sockets, then a tenth of a second later, for the log. What waits stays in the
// ring; when that fills, nothing waits. Thread: drain; release(): store.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "recorder/packet_owners.hpp"
#include "recorder/ring_reader.hpp"

namespace alibi::recorder {

class PacketFeed {
 public:
  static constexpr std::uint64_t kLagNs = 100'000'000;

  /// `ring_bytes`: its size. Errors: of RingReader.
  static Result<std::unique_ptr<PacketFeed>> open(int map_fd, std::uint32_t ring_bytes);

  /// How far the kernel has come; to be asked before the other rings are read.
  [[nodiscard]] std::uint64_t producer() const { return ring_->producer(); }

  /// Hands on what passed before `now` minus the lag and stands before `limit`.
  /// `is_last`: everything. True: nothing of that is left.
  bool read(std::uint64_t limit, BootNs now, bool is_last, PacketOwners& owners,
            const std::function<void(std::span<const std::byte>)>& visit);

  [[nodiscard]] std::uint64_t cursor() const { return ring_->cursor(); }
  void release(std::uint64_t position) { ring_->release(position); }
  /// Read, and not yet released.
  [[nodiscard]] bool has_unreleased() const { return ring_->has_unreleased(); }

 private:
  PacketFeed() = default;

  std::unique_ptr<RingReader> ring_;
  std::uint32_t ring_bytes_ = 0;
};

}  // namespace alibi::recorder
