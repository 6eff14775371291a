#pragma once
// Flows of a capture, as far as its packets tell them.
//
// A TCP flow begins with a SYN of a new sequence number, other flows after
// kIdleNs of silence. The packet seen at two places of one capture (another
// interface or hop limit, else the same) counts once. Thread: one.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "event/address.hpp"
#include "packet/headers.hpp"
#include "packet/packet.hpp"

namespace alibi::match {

inline constexpr std::int64_t kIdleNs = 120'000'000'000;

/// Payload of one packet. Hash of as much as was kept, so only equal lengths of
/// kept bytes compare.
struct Content {
  std::uint32_t seq = 0;    ///< TCP: of its first byte; else 0
  std::uint32_t bytes = 0;  ///< on the wire
  std::uint32_t kept = 0;
  std::uint64_t hash = 0;
  auto operator<=>(const Content&) const = default;
};

[[nodiscard]] Content content_of(const packet::Headers& headers);

/// What one side sent.
struct Sent {
  static constexpr std::size_t kContentsMax = 32;  ///< the first packets tell flows apart

  std::uint64_t packets = 0;
  std::uint64_t payload_bytes = 0;         ///< repeats included
  std::optional<std::uint32_t> first_seq;  ///< of the SYN
  std::uint32_t stream_bytes = 0;          ///< between SYN and FIN, by their numbers
  bool has_fin = false;
  std::uint8_t least_hops = 255;  ///< lowest and highest hop limit seen
  std::uint8_t most_hops = 0;
  std::vector<Content> contents;

  void add(const packet::Headers& headers);
};

struct CaptureFlow {
  std::uint8_t protocol = 0;
  event::Endpoint source;       ///< who began: sent the SYN or the first packet, where
  event::Endpoint destination;  ///< that was not seen the side with the ephemeral port
  WallNs first;
  WallNs last;
  std::uint64_t packets = 0;
  std::uint64_t duplicates = 0;  ///< the same packet at another place of the capture
  bool has_beginning = false;    ///< TCP: its SYN is there
  bool is_reset = false;
  Sent from_source;
  Sent from_destination;
};

/// "tcp", "udp", "icmp", "icmp6", or the number: as the log writes it.
[[nodiscard]] std::string proto_name(std::uint8_t protocol);

/// Handed out by an operating system for one connection, not chosen by a service.
[[nodiscard]] inline bool is_ephemeral(const event::Endpoint& end) {
  return end.port && *end.port >= 10'000;
}

class CaptureFlows {
 public:
  /// The flow a packet belongs to, as index of flows(); empty: it is of none (no
  /// IP, a later fragment, or cut before its ports), counted in passed_over().
  std::optional<std::size_t> add(const packet::Packet& packet, std::uint32_t file);

  [[nodiscard]] const std::vector<CaptureFlow>& flows() const { return flows_; }
  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& passed_over() const {
    return passed_over_;
  }

 private:
  struct Key {
    std::uint8_t protocol;
    event::Endpoint low;
    event::Endpoint high;
    std::uint16_t echo_id;
    auto operator<=>(const Key&) const = default;
  };
  /// One packet of the latest, to know it again at another place.
  struct Print {
    std::uint64_t hash = 0;
    std::int64_t time_ns = 0;
    std::uint64_t place = 0;
    std::uint8_t hops = 0;
  };
  struct State {
    std::size_t index = 0;
    std::vector<Print> prints;
    std::size_t next_print = 0;
  };

  std::size_t begin(const packet::Packet& packet, const packet::Headers& headers);
  static bool is_seen_before(State& state, const packet::Packet& packet,
                             const packet::Headers& headers, std::uint32_t file);

  std::vector<CaptureFlow> flows_;
  std::map<Key, State> open_;
  std::map<std::string, std::uint64_t> passed_over_;
  std::uint64_t packets_ = 0;
};

}  // namespace alibi::match
