#pragma once
// Link, network and transport headers of one packet, as far as its bytes go.
// Bounded and total: any bytes give an answer, never an error. Lengths come from
// the headers where these are plausible, so a cut packet still tells its size.
//
// RFC 791, 8200 (extension headers), 9293, 768, 792, 4443; IEEE 802.1Q and
// 802.1ad tags, PPPoE and MPLS are skipped. Of tunnels the outer packet is told.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "event/address.hpp"
#include "packet/packet.hpp"

namespace alibi::packet {

enum TcpFlags : std::uint8_t {
  kFin = 1,
  kSyn = 2,
  kRst = 4,
  kPsh = 8,
  kAck = 16,
  kUrg = 32,
  kEce = 64,
  kCwr = 128,
};

struct Headers {
  std::uint16_t ether_type = 0;  ///< 0x0800, 0x86dd, 0x0806 (ARP), ...; host byte order
  event::IpAddress source;       ///< unspecified when this is not IP
  event::IpAddress destination;
  bool is_ip = false;
  std::uint8_t protocol = 0;   ///< IANA protocol number behind all extension headers
  std::uint8_t hop_limit = 0;  ///< TTL of IPv4
  std::uint16_t ip_id = 0;     ///< IPv4 identification
  std::uint32_t ip_bytes =
      0;  ///< total length, IP header included; of oversized (GSO) packets as captured
  bool is_fragment = false;
  bool is_first_fragment = true;  ///< ports and payload are there
  std::uint32_t source_port = 0;  ///< TCP, UDP, SCTP; else 0
  std::uint32_t destination_port = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint16_t icmp_id = 0;  ///< of echo
  std::uint32_t tcp_seq = 0;
  std::uint32_t tcp_ack = 0;
  std::uint16_t tcp_window = 0;
  std::uint8_t tcp_flags = 0;  ///< TcpFlags
  /// On the wire, behind the transport header (of fragments: in this one; behind
  /// the IP header where the protocol is none of TCP, UDP, SCTP, ICMP).
  std::uint32_t payload_bytes = 0;
  std::span<const std::byte> payload;  ///< what was kept of it
  /// Where a mark may stand (mark.hpp), if it was kept whole: TCP: the options;
  /// UDP: what is behind the datagram in the IP packet (RFC 9868).
  std::span<const std::byte> mark_area;
  /// Ports (TCP: also seq and flags; ICMP: type and code) were in the kept
  /// bytes. False for other protocols and for fragments behind the first.
  bool is_transport_whole = false;

  [[nodiscard]] bool is_tcp() const { return protocol == 6; }
  [[nodiscard]] bool is_udp() const { return protocol == 17; }
  [[nodiscard]] bool is_icmp() const { return protocol == 1 || protocol == 58; }
  /// source_port and destination_port mean something.
  [[nodiscard]] bool has_ports() const {
    return is_transport_whole && (is_tcp() || is_udp() || protocol == 132);
  }
};

[[nodiscard]] Headers decode_headers(LinkType link, std::span<const std::byte> bytes,
                                     std::uint64_t original_bytes);
[[nodiscard]] inline Headers decode_headers(const Packet& packet) {
  return decode_headers(packet.link, packet.bytes, packet.original_bytes);
}

/// As in the column `proto` of the event log: tcp, udp, icmp, icmp6, or the number.
[[nodiscard]] std::string protocol_name(std::uint8_t protocol);

}  // namespace alibi::packet
