#pragma once
// Packets as one pcapng section: describes interfaces, processes and names
// before they are needed, each once. Only bytes; files are the caller's.
// docs/packet-format.md. Thread: one.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>

#include "packet/pcapng_writer.hpp"
#include "store/packet_batch.hpp"

namespace alibi::store {

/// What is known of devices, over all sections: a file that begins later needs
/// their names again.
using DeviceNames = std::map<PacketDevice, std::string>;

class PacketSection {
 public:
  /// `says_all`: each packet has a comment with its process, for readers that
  /// know neither option 8 nor process blocks.
  PacketSection(const DeviceNames& names, bool says_all) : names_(names), says_all_(says_all) {}

  /// The section header.
  static void begin(packet::Blocks& out);
  /// `first_number` is that of the first packet; 0: packets get no numbers.
  void append(packet::Blocks& out, const PacketBatch& batch, std::uint64_t first_number);
  /// The statistics of its interfaces.
  void end(packet::Blocks& out, WallNs now) const;

 private:
  struct Device {
    std::uint32_t index = 0;
    packet::LinkType link = packet::LinkType::Raw;
    std::uint64_t received = 0;
    std::uint64_t dropped = 0;
  };
  Device& device_of(packet::Blocks& out, const PacketBatch::Entry& entry);
  [[nodiscard]] std::string comment_of(const PacketBatch& batch,
                                       const PacketBatch::Entry& entry) const;

  const DeviceNames& names_;
  bool says_all_;
  std::map<std::pair<PacketDevice, packet::LinkType>, Device> devices_;
  std::unordered_set<std::shared_ptr<const packet::ProcessInfo>> processes_;
  std::set<std::pair<event::IpAddress, std::string>> named_;
};

}  // namespace alibi::store
