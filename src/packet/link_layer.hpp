#pragma once
// What stands before the IP header. Pure, any thread.
//
// Ethernet (IEEE 802.3, LLC/SNAP), IEEE 802.1Q and 802.1ad tags, Linux cooked
// captures v1 and v2, BSD loopback, raw IP, PPP (RFC 1661, 1662), PPPoE (RFC
// 2516) and MPLS (RFC 3032) on the way to it: captures of providers have these.

#include <cstdint>

#include "packet/byte_order.hpp"
#include "packet/packet.hpp"

namespace alibi::packet {

/// The rest of a packet, behind the headers that were read.
struct Layer {
  ByteSpan kept;
  std::uint64_t wire_bytes = 0;  ///< length of this rest on the wire, never below kept.size()

  void drop(std::uint64_t bytes);      ///< from the front
  void limit_to(std::uint64_t bytes);  ///< cuts what stands behind
};

/// Removes link headers from `layer`; the answer is the EtherType of the rest
/// in host byte order, 0 when it is none of those above or cut.
[[nodiscard]] std::uint16_t strip_link(LinkType link, Layer& layer);

}  // namespace alibi::packet
