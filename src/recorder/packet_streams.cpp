#include "recorder/packet_streams.hpp"

#include <cstring>
#include <utility>

namespace alibi::recorder {

std::size_t StreamKeyHash::operator()(const StreamKey& key) const noexcept {
  std::array<char, 42> bytes{};
  char* to = bytes.data();
  const auto put = [&to](const auto& value) {
    std::memcpy(to, &value, sizeof(value));
    to += sizeof(value);
  };
  put(key.local.bytes);
  put(key.remote.bytes);
  put(key.net_ns);
  put(key.local_port);
  put(key.remote_port);
  put(key.protocol);
  put(key.local.is_v6);
  return std::hash<std::string_view>{}({bytes.data(), bytes.size()});
}

Stream& PacketStreams::at(const StreamKey& key, BootNs now) {
  if (const auto place = young_.find(key); place != young_.end()) return place->second;
  if (young_.size() >= kStreams || now >= next_turn_) {
    old_ = std::exchange(young_, {});
    next_turn_ = BootNs{now.ns + kTurnNs};
    ++turns_;
  }
  Stream& stream = young_[key];
  if (const auto place = old_.find(key); place != old_.end()) {
    stream = std::move(place->second);
    old_.erase(place);
  } else {
    begin_anew(stream);
  }
  return stream;
}

const std::pair<const StreamKey, Stream>* PacketStreams::find(std::uint64_t id) const {
  for (const Streams* streams : {&young_, &old_})
    for (const auto& entry : *streams)
      if (entry.second.id == id) return &entry;
  return nullptr;
}

StreamKey stream_key(const packet::Headers& headers, bool is_out, std::uint32_t net_ns) {
  StreamKey key;
  key.local = is_out ? headers.source : headers.destination;
  key.remote = is_out ? headers.destination : headers.source;
  key.local_port =
      static_cast<std::uint16_t>(is_out ? headers.source_port : headers.destination_port);
  key.remote_port =
      static_cast<std::uint16_t>(is_out ? headers.destination_port : headers.source_port);
  key.net_ns = net_ns;
  key.protocol = headers.protocol;
  return key;
}

}  // namespace alibi::recorder
