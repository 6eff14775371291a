#pragma once
// The conversations that packets belong to, by addresses and ports as one
// socket sees them: a connection within this host is two streams.
//
// Bounded: kStreams are remembered, and as many that were not seen for longer.
// Thread: drain.

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "packet/headers.hpp"
#include "recorder/attribution.hpp"

namespace alibi::recorder {

struct StreamKey {
  event::IpAddress local;
  event::IpAddress remote;
  std::uint32_t net_ns = 0;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint8_t protocol = 0;
  bool operator==(const StreamKey&) const = default;
};

struct StreamKeyHash {
  std::size_t operator()(const StreamKey& key) const noexcept;
};

struct Stream {
  std::uint64_t id = 0;  ///< never used twice
  bool began_in = false;
  bool is_new = true;
  std::uint64_t cookie = 0;
  Attribution owner;                       ///< of its latest packet that had one
  std::array<std::uint64_t, 2> packets{};  ///< in, out
  std::array<bool, 2> has_ended{};         ///< FIN seen: in, out
};

class PacketStreams {
 public:
  static constexpr std::size_t kStreams = 16'384;
  static constexpr std::uint64_t kTurnNs =
      120'000'000'000;  ///< a port may be in TIME_WAIT for 60 s

  /// Stays where it is until turns() changes.
  Stream& at(const StreamKey& key, BootNs now);
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  /// Slow: looks at all. Null when it is forgotten.
  [[nodiscard]] const std::pair<const StreamKey, Stream>* find(std::uint64_t id) const;
  /// The same addresses again: another connection.
  void begin_anew(Stream& stream) {
    stream = {};
    stream.id = ++last_id_;
  }

 private:
  using Streams = std::unordered_map<StreamKey, Stream, StreamKeyHash>;
  Streams young_, old_;
  BootNs next_turn_;
  std::uint64_t turns_ = 0;
  std::uint64_t last_id_ = 0;
};

/// As the socket on this side of it sees the packet.
[[nodiscard]] StreamKey stream_key(const packet::Headers& headers, bool is_out,
                                   std::uint32_t net_ns);

}  // namespace alibi::recorder
