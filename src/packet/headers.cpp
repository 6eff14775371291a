#include "packet/headers.hpp"

#include <algorithm>

#include "packet/byte_order.hpp"
#include "packet/link_layer.hpp"

namespace alibi::packet {
namespace {

constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kIcmp6 = 58;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kSctp = 132;
constexpr std::uint8_t kMobility = 135;
constexpr std::uint8_t kHip = 139;
constexpr std::uint8_t kShim6 = 140;

std::uint8_t byte_at(const Layer& layer, std::size_t at) {
  return std::to_integer<std::uint8_t>(layer.kept[at]);
}
std::uint16_t big16(const Layer& layer, std::size_t at) {
  return load<std::uint16_t>(layer.kept, at, std::endian::big);
}
std::uint32_t big32(const Layer& layer, std::size_t at) {
  return load<std::uint32_t>(layer.kept, at, std::endian::big);
}
bool has(const Layer& layer, std::size_t bytes) { return layer.kept.size() >= bytes; }

std::uint32_t narrow(std::uint64_t bytes) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, UINT32_MAX));
}

/// As it stands in the header: a mapped IPv4 address inside IPv6 stays IPv6.
event::IpAddress address_at(const Layer& layer, std::size_t at, bool is_v6) {
  event::IpAddress address{.is_v6 = is_v6};
  std::memcpy(address.bytes.data(), layer.kept.subspan(at).data(), is_v6 ? 16 : 4);
  return address;
}

void tell_payload(Headers& headers, const Layer& layer) {
  headers.payload = layer.kept;
  headers.payload_bytes = narrow(layer.wire_bytes);
}

void tell_ports(Headers& headers, const Layer& layer) {
  if (!has(layer, 4)) return;
  headers.source_port = big16(layer, 0);
  headers.destination_port = big16(layer, 2);
}

void tcp(Headers& headers, Layer layer) {
  tell_ports(headers, layer);
  if (has(layer, 12)) {
    headers.tcp_seq = big32(layer, 4);
    headers.tcp_ack = big32(layer, 8);
  }
  headers.is_transport_whole = has(layer, 14);
  if (!headers.is_transport_whole) return;
  headers.tcp_flags = byte_at(layer, 13);
  if (has(layer, 16)) headers.tcp_window = big16(layer, 14);
  const unsigned header_bytes = (byte_at(layer, 12) >> 4) * 4U;
  if (header_bytes < 20) return;
  if (has(layer, header_bytes)) headers.mark_area = layer.kept.subspan(20, header_bytes - 20);
  layer.drop(header_bytes);
  tell_payload(headers, layer);
}

void udp(Headers& headers, Layer layer) {
  tell_ports(headers, layer);
  headers.is_transport_whole = has(layer, 4);
  // A length of 0 is a jumbogram (RFC 2675 4), one below 8 means nothing.
  const unsigned length = has(layer, 6) ? big16(layer, 4) : 0;
  if (length >= 8 && layer.wire_bytes > length && has(layer, layer.wire_bytes))
    headers.mark_area = layer.kept.subspan(length);
  if (length >= 8) layer.limit_to(length);
  layer.drop(8);
  tell_payload(headers, layer);
}

void sctp(Headers& headers, Layer layer) {
  tell_ports(headers, layer);
  headers.is_transport_whole = has(layer, 4);
  layer.drop(12);
  tell_payload(headers, layer);
}

bool has_icmp_id(const Headers& headers) {
  if (headers.protocol == kIcmp6) return headers.icmp_type == 128 || headers.icmp_type == 129;
  return headers.icmp_type == 0 || headers.icmp_type == 8;
}

void icmp(Headers& headers, Layer layer) {
  headers.is_transport_whole = has(layer, 2);
  if (headers.is_transport_whole) {
    headers.icmp_type = byte_at(layer, 0);
    headers.icmp_code = byte_at(layer, 1);
  }
  if (has_icmp_id(headers) && has(layer, 6)) headers.icmp_id = big16(layer, 4);
  layer.drop(8);
  tell_payload(headers, layer);
}

void transport(Headers& headers, const Layer& layer) {
  if (!headers.is_first_fragment) return tell_payload(headers, layer);
  switch (headers.protocol) {
    case kTcp: return tcp(headers, layer);
    case kUdp: return udp(headers, layer);
    case kSctp: return sctp(headers, layer);
    case kIcmp:
    case kIcmp6: return icmp(headers, layer);
    default: return tell_payload(headers, layer);
  }
}

/// Bytes of the extension header that `layer` begins with; 0: it is none.
std::size_t extension_bytes(std::uint8_t protocol, const Layer& layer) {
  switch (protocol) {
    case kHopByHop:
    case kRouting:
    case kDestinationOptions:
    case kMobility:
    case kHip:
    case kShim6: return has(layer, 2) ? (byte_at(layer, 1) + 1U) * 8 : 0;
    case kAuthentication: return has(layer, 2) ? (byte_at(layer, 1) + 2U) * 4 : 0;
    case kFragment: return 8;
    default: return 0;
  }
}

void fragment(Headers& headers, const Layer& layer) {
  const std::uint16_t place = big16(layer, 2);
  // "Atomic" fragments (RFC 6946) are whole packets.
  headers.is_fragment = (place & 0xfff9) != 0;
  headers.is_first_fragment = (place & 0xfff8) == 0;
}

/// Moves behind extension headers (and AH of IPv4). False: they are cut.
bool skip_extensions(Headers& headers, Layer& layer) {
  while (headers.is_first_fragment) {
    const std::size_t bytes = extension_bytes(headers.protocol, layer);
    if (bytes == 0) return true;
    if (!has(layer, std::min<std::size_t>(bytes, 8))) return false;
    if (headers.protocol == kFragment) fragment(headers, layer);
    headers.protocol = byte_at(layer, 0);
    layer.drop(bytes);
  }
  return true;
}

/// RFC 2675: the length of a jumbogram is in the first option of the hop-by-hop
/// header. Oversized packets inside a host (GSO) have a length of 0 without it.
std::uint64_t ipv6_bytes(const Layer& layer) {
  constexpr std::uint64_t kHeader = 40;
  if (const std::uint16_t length = big16(layer, 4); length != 0) return kHeader + length;
  if (byte_at(layer, 6) == kHopByHop && has(layer, 48) && big16(layer, 42) == 0xc204)
    return kHeader + big32(layer, 44);
  return layer.wire_bytes;
}

void set_ip_bytes(Headers& headers, Layer& layer, std::uint64_t told, std::size_t header_bytes) {
  if (told < header_bytes || told > layer.wire_bytes) told = layer.wire_bytes;
  headers.ip_bytes = narrow(told);
  layer.limit_to(told);
  layer.drop(header_bytes);
}

void ipv4(Headers& headers, Layer layer) {
  if (!has(layer, 20) || byte_at(layer, 0) >> 4 != 4) return;
  const std::size_t header_bytes = (byte_at(layer, 0) & 0xfU) * 4;
  if (header_bytes < 20) return;
  const std::uint16_t place = big16(layer, 6);
  headers.is_ip = true;
  headers.ip_id = big16(layer, 4);
  headers.is_fragment = (place & 0x3fff) != 0;
  headers.is_first_fragment = (place & 0x1fff) == 0;
  headers.hop_limit = byte_at(layer, 8);
  headers.protocol = byte_at(layer, 9);
  headers.source = address_at(layer, 12, false);
  headers.destination = address_at(layer, 16, false);
  set_ip_bytes(headers, layer, big16(layer, 2), header_bytes);
  if (headers.protocol == kAuthentication && !skip_extensions(headers, layer)) return;
  transport(headers, layer);
}

void ipv6(Headers& headers, Layer layer) {
  if (!has(layer, 40) || byte_at(layer, 0) >> 4 != 6) return;
  headers.is_ip = true;
  headers.protocol = byte_at(layer, 6);
  headers.hop_limit = byte_at(layer, 7);
  headers.source = address_at(layer, 8, true);
  headers.destination = address_at(layer, 24, true);
  set_ip_bytes(headers, layer, ipv6_bytes(layer), 40);
  if (skip_extensions(headers, layer)) transport(headers, layer);
}

}  // namespace

Headers decode_headers(LinkType link, std::span<const std::byte> bytes,
                       std::uint64_t original_bytes) {
  Layer layer{bytes, std::max<std::uint64_t>(original_bytes, bytes.size())};
  Headers headers;
  headers.ether_type = strip_link(link, layer);
  switch (headers.ether_type) {
    case 0x0800: ipv4(headers, layer); break;
    case 0x86dd: ipv6(headers, layer); break;
    default: tell_payload(headers, layer);
  }
  return headers;
}

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case kTcp: return "tcp";
    case kUdp: return "udp";
    case kIcmp: return "icmp";
    case kIcmp6: return "icmp6";
    default: return std::to_string(protocol);
  }
}

}  // namespace alibi::packet
