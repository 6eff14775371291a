#pragma once
// What no socket of this host owns: unsolicited, forwarded, and other than IP.
// A packet socket (TPACKET_V3, Linux 3.2) sees everything on all devices of the
// recorder's network namespace; what the packet programs told as well is taken
// out again, recognised by its headers.
//
// A packet waits kPatienceNs for its twin. Bounded: when more than kWaiting
// wait, the oldest are judged at once. Thread: drain.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::recorder {

class UnownedPackets {
 public:
  static constexpr std::uint64_t kPatienceNs = 500'000'000;
  static constexpr std::size_t kWaiting = 65'536;
  static constexpr std::size_t kHeadBytes = 128;

  /// Errors: Denied, Unsupported, Io.
  static Result<std::unique_ptr<UnownedPackets>> open();
  ~UnownedPackets();
  UnownedPackets(const UnownedPackets&) = delete;
  UnownedPackets& operator=(const UnownedPackets&) = delete;

  struct Packet {
    BootNs boot;
    std::uint32_t ifindex = 0;
    std::uint16_t ether_type = 0;  ///< host byte order
    std::uint32_t wire_bytes = 0;  ///< from the network header on
    bool is_out = false;
    bool is_ip = false;
    std::array<std::byte, 16> sll{};  ///< LINKTYPE_LINUX_SLL header, for what is not IP
    std::vector<std::byte> bytes;     ///< at most kHeadBytes, from the network header on
  };

  /// A packet that has an owner passed.
  void note_owned(bool is_out, std::span<const std::byte> bytes, BootNs when);

  /// Reads what came, and hands on what found no twin in time.
  void drain(BootNs now, bool is_last, const std::function<void(const Packet&)>& visit);

  /// Packets the kernel had no room for in this socket's ring.
  [[nodiscard]] std::uint64_t lost();
  /// Inode of the network namespace it sees.
  [[nodiscard]] std::uint32_t net_ns() const { return net_ns_; }

 private:
  UnownedPackets() = default;
  void read_block(std::size_t index);
  void judge(const std::function<void(const Packet&)>& visit);

  UniqueFd socket_;
  std::byte* ring_ = nullptr;
  std::size_t next_block_ = 0;
  std::int64_t boot_offset_ns_ = 0;  ///< wall to boot clock, as of the last drain()
  std::uint32_t net_ns_ = 0;
  std::uint64_t lost_ = 0;
  std::deque<Packet> waiting_;
  struct Owned {
    std::uint32_t count = 0;
    BootNs latest;
  };
  std::unordered_map<std::uint64_t, Owned> owned_;
  BootNs next_prune_;
};

}  // namespace alibi::recorder
