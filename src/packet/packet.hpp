#pragma once
// One captured packet, wherever it came from: a ring of the kernel, a packet
// socket, a capture file. Bytes are borrowed; what they mean is headers.hpp.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.hpp"

namespace alibi::packet {

/// https://www.tcpdump.org/linktypes.html. Others occur in files and are kept as numbers.
enum class LinkType : std::uint16_t {
  Null = 0,
  Ethernet = 1,
  Raw = 101,  ///< IPv4 or IPv6, told by the version field
  Loop = 108,
  LinuxSll = 113,
  Ipv4 = 228,
  Ipv6 = 229,
  LinuxSll2 = 276,
};

/// As the host that captured sees it; pcapng epb_flags bits 0-1.
enum class Direction : std::uint8_t { Unknown = 0, In = 1, Out = 2 };

struct Packet {
  WallNs time;
  std::uint32_t interface = 0;  ///< index into the interfaces of the file
  LinkType link = LinkType::Raw;
  Direction direction = Direction::Unknown;
  std::uint64_t original_bytes = 0;  ///< on the wire, from the link-layer header on
  std::span<const std::byte> bytes;  ///< what was kept of them
  std::optional<std::uint32_t> pid;  ///< pcapng option 8; 0 in the file: empty here
  std::optional<std::uint32_t> tid;
  std::optional<std::uint64_t> id;  ///< pcapng epb_packetid
  std::uint64_t dropped = 0;        ///< pcapng epb_dropcount: lost before this one
  std::string_view comment;         ///< first of the packet; raw bytes of the file
};

}  // namespace alibi::packet
