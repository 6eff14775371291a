// What the packet log of a host has of the flows that it knows, for the methods
// that look behind translations, and for alterations.

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "match/candidates.hpp"
#include "match/host_log.hpp"
#include "query/packet_log.hpp"

namespace alibi::match {
namespace {

/// A packet may be logged this much outside of the times of its flow.
constexpr std::int64_t kSlackNs = 2'000'000'000;

class WireReader {
 public:
  explicit WireReader(HostLog& log) : log_(log), forwarded_(log.facts.capture.size(), false) {
    for (std::size_t i = 0; i < log.facts.flows.size(); ++i) {
      const HostFlow& flow = log.facts.flows[i];
      by_ends_[name_of(flow.proto, flow.local, flow.remote)].push_back(i);
    }
    for (std::size_t i = 0; i < log.facts.capture.size(); ++i) {
      const CaptureFlow& flow = log.facts.capture[i];
      foreign_[name_of(proto_name(flow.protocol), flow.source, flow.destination)].push_back(i);
    }
  }

  void add(const query::LoggedPacket& logged);
  std::vector<bool> take_forwarded() { return std::move(forwarded_); }

 private:
  [[nodiscard]] bool is_own(const event::IpAddress& address) const {
    return std::ranges::any_of(log_.facts.hosts,
                               [&](const Host& host) { return host.addresses.contains(address); });
  }

  HostLog& log_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_ends_;
  std::unordered_map<std::string, std::vector<std::size_t>> foreign_;
  std::vector<bool> forwarded_;
};

void WireReader::add(const query::LoggedPacket& logged) {
  const auto headers = decode_headers(logged.packet);
  const bool has_ports = headers.is_tcp() || headers.is_udp();
  if (!headers.is_ip || !headers.is_first_fragment || (has_ports && !headers.is_transport_whole))
    return;
  event::Endpoint source{.address = headers.source, .port = {}};
  event::Endpoint destination{.address = headers.destination, .port = {}};
  if (has_ports) {
    source.port = static_cast<std::uint16_t>(headers.source_port);
    destination.port = static_cast<std::uint16_t>(headers.destination_port);
  }
  const std::string name = name_of(proto_name(headers.protocol), source, destination);
  const std::int64_t now_ns = logged.packet.time.ns;
  if (const auto found = by_ends_.find(name); found != by_ends_.end()) {
    for (const std::size_t i : found->second) {
      HostFlow& flow = log_.facts.flows[i];
      const bool is_within =
          flow.start_ns - kSlackNs <= now_ns && (!flow.end_ns || now_ns <= *flow.end_ns + kSlackNs);
      if (!is_within) continue;
      if (!flow.wire) flow.wire.emplace();
      (source == flow.local ? flow.wire->from_local : flow.wire->from_remote).add(headers);
    }
    return;
  }
  const auto seen = foreign_.find(name);
  if (logged.process || seen == foreign_.end()) return;
  if (is_own(headers.source) || is_own(headers.destination)) return;
  for (const std::size_t i : seen->second)
    forwarded_[i] = true;
}

}  // namespace

Result<std::vector<bool>> add_wire(const std::filesystem::path& directory,
                                   const std::filesystem::path& identity, HostLog& log) {
  WireReader wire(log);
  auto packets = query::PacketLog::open(directory, identity);
  if (!packets && packets.error().code == Errc::NotFound) return wire.take_forwarded();
  if (!packets) return std::unexpected(packets.error());
  const auto done = (*packets)->scan({}, [&](const query::LoggedPacket& packet) {
    wire.add(packet);
    return query::PacketLog::Go::On;
  });
  if (!done) return std::unexpected(done.error());
  return wire.take_forwarded();
}

}  // namespace alibi::match
