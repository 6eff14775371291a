#include "match/capture_flow.hpp"

#include <algorithm>

namespace alibi::match {
namespace {

using event::Endpoint;
using packet::Headers;
using packet::Packet;

/// The same packet passes two places of one network within this.
constexpr std::int64_t kSamePacketNs = 2'000'000'000;
constexpr std::size_t kPrints = 64;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmp6 = 58;

struct Fnv {
  std::uint64_t value = 0xcbf29ce484222325ULL;
  void add(std::uint64_t number) {
    for (int i = 0; i < 8; ++i) {
      value = (value ^ (number & 0xFF)) * 0x100000001b3ULL;
      number >>= 8;
    }
  }
  void add(std::span<const std::byte> bytes) {
    for (const std::byte b : bytes)
      value = (value ^ static_cast<std::uint8_t>(b)) * 0x100000001b3ULL;
  }
};

bool has_ports(const Headers& headers) {
  constexpr std::uint8_t kSctp = 132;
  return headers.is_tcp() || headers.is_udp() || headers.protocol == kSctp;
}

bool is_icmp(const Headers& headers) {
  return headers.protocol == kIcmp || headers.protocol == kIcmp6;
}

Endpoint end_of(const Headers& headers, bool is_source) {
  Endpoint end{.address = is_source ? headers.source : headers.destination};
  if (has_ports(headers))
    end.port =
        static_cast<std::uint16_t>(is_source ? headers.source_port : headers.destination_port);
  return end;
}

/// Of an answer in a flow whose beginning was not seen.
bool comes_from_answering_side(const Headers& headers) {
  if (headers.is_tcp() && (headers.tcp_flags & packet::kSyn))
    return (headers.tcp_flags & packet::kAck) != 0;
  constexpr std::uint8_t kEchoReply = 0;
  constexpr std::uint8_t kEchoReply6 = 129;
  if (is_icmp(headers))
    return headers.icmp_type == (headers.protocol == kIcmp ? kEchoReply : kEchoReply6);
  if (!headers.is_tcp()) return false;
  const bool source_is = is_ephemeral(end_of(headers, true));
  const bool destination_is = is_ephemeral(end_of(headers, false));
  return !source_is && destination_is;
}

}  // namespace

Content content_of(const Headers& headers) {
  Fnv hash;
  hash.add(headers.payload);
  return {headers.is_tcp() ? headers.tcp_seq : 0, headers.payload_bytes,
          static_cast<std::uint32_t>(headers.payload.size()), hash.value};
}

std::string proto_name(std::uint8_t protocol) {
  constexpr std::uint8_t kTcp = 6;
  constexpr std::uint8_t kUdp = 17;
  switch (protocol) {
    case kTcp: return "tcp";
    case kUdp: return "udp";
    case kIcmp: return "icmp";
    case kIcmp6: return "icmp6";
    default: return std::to_string(protocol);
  }
}

void Sent::add(const Headers& headers) {
  ++packets;
  payload_bytes += headers.payload_bytes;
  least_hops = std::min(least_hops, headers.hop_limit);
  most_hops = std::max(most_hops, headers.hop_limit);
  if (headers.is_tcp()) {
    if (headers.tcp_flags & packet::kSyn) first_seq = headers.tcp_seq;
    // The FIN stands behind the last byte, also of packets the capture has lost.
    if (headers.tcp_flags & packet::kFin) {
      has_fin = true;
      if (first_seq) stream_bytes = headers.tcp_seq + headers.payload_bytes - *first_seq - 1;
    }
  }
  if (headers.payload_bytes == 0 || headers.payload.empty()) return;
  const Content content = content_of(headers);
  if (contents.size() < kContentsMax && std::ranges::find(contents, content) == contents.end())
    contents.push_back(content);
}

std::size_t CaptureFlows::begin(const Packet& packet, const Headers& headers) {
  const bool is_answer = comes_from_answering_side(headers);
  CaptureFlow flow{.protocol = headers.protocol,
                   .source = end_of(headers, !is_answer),
                   .destination = end_of(headers, is_answer),
                   .first = packet.time,
                   .last = packet.time};
  flows_.push_back(std::move(flow));
  return flows_.size() - 1;
}

bool CaptureFlows::is_seen_before(State& state, const Packet& packet, const Headers& headers,
                                  std::uint32_t file) {
  Fnv hash;
  hash.add(headers.source.octets().size());
  hash.add(std::as_bytes(headers.source.octets()));
  for (const std::uint64_t part :
       {std::uint64_t{headers.source_port}, std::uint64_t{headers.ip_id},
        std::uint64_t{headers.tcp_seq}, std::uint64_t{headers.tcp_ack},
        std::uint64_t{headers.tcp_flags}, std::uint64_t{headers.payload_bytes},
        std::uint64_t{headers.icmp_type}})
    hash.add(part);
  hash.add(headers.payload);
  const Print print{hash.value, packet.time.ns, std::uint64_t{file} << 32 | packet.interface,
                    headers.hop_limit};
  const bool is_known = std::ranges::any_of(state.prints, [&](const Print& other) {
    return other.hash == print.hash && std::abs(other.time_ns - print.time_ns) < kSamePacketNs &&
           (other.place != print.place || other.hops != print.hops);
  });
  if (state.prints.size() < kPrints) {
    state.prints.push_back(print);
  } else {
    state.prints[state.next_print] = print;
    state.next_print = (state.next_print + 1) % kPrints;
  }
  return is_known;
}

std::optional<std::size_t> CaptureFlows::add(const Packet& packet, std::uint32_t file) {
  ++packets_;
  const Headers headers = decode_headers(packet);
  if (!headers.is_ip) {
    ++passed_over_["not IP"];
    return std::nullopt;
  }
  if (headers.is_fragment && !headers.is_first_fragment) {
    ++passed_over_["later fragments, without ports"];
    return std::nullopt;
  }
  if (has_ports(headers) && !headers.is_transport_whole) {
    ++passed_over_["cut before their ports"];
    return std::nullopt;
  }
  const Endpoint a = end_of(headers, true);
  const Endpoint b = end_of(headers, false);
  const Key key{headers.protocol, std::min(a, b), std::max(a, b),
                is_icmp(headers) ? headers.icmp_id : std::uint16_t{0}};
  const bool is_opening =
      headers.is_tcp() && (headers.tcp_flags & (packet::kSyn | packet::kAck)) == packet::kSyn;
  auto [place, is_new] = open_.try_emplace(key);
  State& state = place->second;
  if (!is_new) {
    const CaptureFlow& known = flows_[state.index];
    const Sent& sent = a == known.source ? known.from_source : known.from_destination;
    const bool is_next = is_opening ? !known.has_beginning || sent.first_seq != headers.tcp_seq
                                    : !headers.is_tcp() && packet.time.ns - known.last.ns > kIdleNs;
    if (is_next) is_new = true;
  }
  if (is_new) state = {.index = begin(packet, headers)};
  CaptureFlow& flow = flows_[state.index];
  flow.last = std::max(flow.last, packet.time);
  if (is_seen_before(state, packet, headers, file)) {
    ++flow.duplicates;
    return state.index;
  }
  ++flow.packets;
  flow.has_beginning |= is_opening;
  flow.is_reset |= headers.is_tcp() && (headers.tcp_flags & packet::kRst);
  (a == flow.source ? flow.from_source : flow.from_destination).add(headers);
  return state.index;
}

}  // namespace alibi::match
