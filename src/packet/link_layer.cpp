#include "packet/link_layer.hpp"

#include <algorithm>

namespace alibi::packet {
namespace {

constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;

/// Numbers of LINKTYPE_ values that only captures of others have.
constexpr std::uint16_t kPpp = 9;
constexpr std::uint16_t kRawBsd = 12;
constexpr std::uint16_t kRawOpenBsd = 14;
constexpr std::uint16_t kPppHdlc = 50;
constexpr std::uint16_t kPppEther = 51;

std::optional<std::uint16_t> big16(const Layer& layer, std::size_t at) {
  return read_number<std::uint16_t>(layer.kept, at, std::endian::big);
}

std::uint16_t by_version(const Layer& layer) {
  if (layer.kept.empty()) return 0;
  switch (std::to_integer<unsigned>(layer.kept[0]) >> 4) {
    case 4: return kIpv4;
    case 6: return kIpv6;
    default: return 0;
  }
}

/// The protocol field may be shortened to one odd byte (RFC 1661 6.5).
std::uint16_t ppp(Layer& layer) {
  if (big16(layer, 0) == 0xff03) layer.drop(2);
  if (layer.kept.empty()) return 0;
  std::uint16_t protocol = std::to_integer<std::uint8_t>(layer.kept[0]);
  if ((protocol & 1) == 0) {
    const auto both = big16(layer, 0);
    if (!both) return 0;
    protocol = *both;
    layer.drop(1);
  }
  layer.drop(1);
  return protocol == 0x0021 ? kIpv4 : protocol == 0x0057 ? kIpv6 : 0;
}

std::uint16_t pppoe(Layer& layer) {
  const auto length = big16(layer, 4);
  if (!length) return 0;
  layer.drop(6);
  layer.limit_to(*length);
  return ppp(layer);
}

std::uint16_t mpls(Layer& layer) {
  while (const auto label = read_number<std::uint32_t>(layer.kept, 0, std::endian::big)) {
    layer.drop(4);
    if (*label & 0x100) return by_version(layer);  // bottom of the stack
  }
  return 0;
}

/// IEEE 802.2 with SNAP; other LLC traffic is no IP.
std::uint16_t snap(Layer& layer) {
  if (read_number<std::uint32_t>(layer.kept, 0, std::endian::big) != 0xaaaa0300U) return 0;
  if (big16(layer, 4) != 0) return 0;
  const auto type = big16(layer, 6);
  layer.drop(8);
  return type.value_or(0);
}

std::uint16_t behind(std::uint16_t type, Layer& layer) {
  while (type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200) {
    type = big16(layer, 2).value_or(0);
    layer.drop(4);
  }
  if (type == 0x8864) return pppoe(layer);
  if (type == 0x8847 || type == 0x8848) return mpls(layer);
  if (type > 1500) return type;
  layer.limit_to(type);
  return snap(layer);
}

std::uint16_t typed_at(std::size_t at, std::size_t header_bytes, Layer& layer) {
  const auto type = big16(layer, at);
  layer.drop(header_bytes);
  return type ? behind(*type, layer) : 0;
}

/// Linux cooked headers use small numbers of their own: 4 is IEEE 802.2.
std::uint16_t cooked(std::size_t at, std::size_t header_bytes, Layer& layer) {
  const auto type = big16(layer, at);
  layer.drop(header_bytes);
  if (!type) return 0;
  if (*type == 4) return snap(layer);
  return *type > 1500 ? behind(*type, layer) : 0;
}

/// The address family is in the byte order of the machine that captured.
std::uint16_t loopback(Layer& layer) {
  auto family = read_number<std::uint32_t>(layer.kept, 0, std::endian::big).value_or(0);
  if (family > 0xffff) family = std::byteswap(family);
  layer.drop(4);
  switch (family) {
    case 2: return kIpv4;
    case 10:  // Linux
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // macOS
      return kIpv6;
    default: return 0;
  }
}

}  // namespace

void Layer::drop(std::uint64_t bytes) {
  kept = kept.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kept.size())));
  wire_bytes -= std::min(bytes, wire_bytes);
}

void Layer::limit_to(std::uint64_t bytes) {
  kept = kept.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kept.size())));
  wire_bytes = std::min(bytes, wire_bytes);
}

std::uint16_t strip_link(LinkType link, Layer& layer) {
  switch (static_cast<std::uint16_t>(link)) {
    case static_cast<std::uint16_t>(LinkType::Ethernet): return typed_at(12, 14, layer);
    case static_cast<std::uint16_t>(LinkType::LinuxSll): return cooked(14, 16, layer);
    case static_cast<std::uint16_t>(LinkType::LinuxSll2): return cooked(0, 20, layer);
    case static_cast<std::uint16_t>(LinkType::Null):
    case static_cast<std::uint16_t>(LinkType::Loop): return loopback(layer);
    case static_cast<std::uint16_t>(LinkType::Raw):
    case static_cast<std::uint16_t>(LinkType::Ipv4):
    case static_cast<std::uint16_t>(LinkType::Ipv6):
    case kRawBsd:
    case kRawOpenBsd: return by_version(layer);
    case kPpp:
    case kPppHdlc: return ppp(layer);
    case kPppEther: return pppoe(layer);
    default: return 0;
  }
}

}  // namespace alibi::packet
