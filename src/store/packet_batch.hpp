#pragma once
// Packets on their way to the log, in the order in which they are to stand
// there. Bytes, devices and processes are kept once for the whole batch.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "event/address.hpp"
#include "event/record.hpp"
#include "packet/capture_reader.hpp"
#include "packet/packet.hpp"

namespace alibi::store {

/// A network device. The same index may stand for others in other namespaces.
struct PacketDevice {
  std::uint32_t net_ns = 0;  ///< inode of the network namespace
  std::uint32_t ifindex = 0;
  auto operator<=>(const PacketDevice&) const = default;
};

struct PacketBatch {
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  struct Entry {
    WallNs time;
    PacketDevice device;
    packet::LinkType link = packet::LinkType::Raw;
    packet::Direction direction = packet::Direction::Unknown;
    std::uint32_t original_bytes = 0;
    std::uint32_t offset = 0;  ///< of its bytes in `bytes`
    std::uint32_t bytes = 0;
    std::uint32_t owner = kNobody;  ///< index into `processes`
    event::Grade grade = event::Grade::Unknown;
    std::string_view via;       ///< the reason for the grade, docs/attribution.md; a literal
    std::uint64_t cookie = 0;   ///< with device.net_ns: the flow
    std::uint64_t dropped = 0;  ///< lost just before this one
  };

  std::vector<Entry> packets;
  std::vector<std::byte> bytes;
  std::vector<std::pair<event::ProcessKey, std::shared_ptr<const packet::ProcessInfo>>> processes;
  std::vector<std::pair<PacketDevice, std::string>> device_names;  ///< learned since the last batch
  std::vector<std::pair<event::IpAddress, std::string>> names;     ///< of addresses, from DNS

  [[nodiscard]] bool is_empty() const {
    return packets.empty() && device_names.empty() && names.empty();
  }
  [[nodiscard]] std::span<const std::byte> bytes_of(const Entry& entry) const {
    return std::span(bytes).subspan(entry.offset, entry.bytes);
  }
};

}  // namespace alibi::store
