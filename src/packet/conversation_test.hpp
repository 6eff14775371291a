#pragma once
// For tests: a TCP conversation told to an Inspector, segment by segment.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "packet/inspector.hpp"

namespace alibi::packet {

struct Seen {
  Finding finding;

  [[nodiscard]] std::string field(std::string_view name) const {
    for (const auto& [known, value] : finding.fields)
      if (known == name) return value;
    return "";
  }
};

class Conversation {
 public:
  explicit Conversation(Inspector::Options options = {}) : inspector(Inspector::make(options)) {}

  /// Both sides' SYN; their sequence numbers begin shortly before they wrap.
  void open() {
    segment(true, seq_[0] - 1, "", kSyn);
    segment(false, seq_[1] - 1, "", kSyn | kAck);
  }
  void client(std::string_view bytes) { send(true, bytes); }
  void server(std::string_view bytes) { send(false, bytes); }
  /// Bytes that pass unseen.
  void miss(bool is_client, std::uint32_t count) { seq_[is_client ? 0 : 1] += count; }
  void end() { inspector->end(kStream, into_seen()); }

  void segment(bool is_client, std::uint32_t seq, std::string_view bytes, unsigned flags = kAck,
               std::optional<std::uint32_t> wire_bytes = std::nullopt) {
    Headers headers;
    headers.is_ip = true;
    headers.protocol = 6;
    headers.source_port = is_client ? 40000 : server_port;
    headers.destination_port = is_client ? server_port : 40000;
    headers.tcp_seq = seq;
    headers.tcp_ack = seq_[is_client ? 1 : 0];
    headers.tcp_flags = static_cast<std::uint8_t>(flags);
    headers.payload = std::as_bytes(std::span(bytes));
    headers.payload_bytes = wire_bytes.value_or(static_cast<std::uint32_t>(bytes.size()));
    headers.is_transport_whole = true;
    time.ns += 1000;
    inspector->add(kStream, is_client, time, headers, into_seen());
  }
  [[nodiscard]] std::uint32_t seq(bool is_client) const { return seq_[is_client ? 0 : 1]; }

  std::unique_ptr<Inspector> inspector;
  std::vector<Seen> seen;
  BootNs time{1};
  std::uint16_t server_port = 8080;

 private:
  static constexpr std::uint64_t kStream = 7;

  void send(bool is_client, std::string_view bytes) {
    std::uint32_t& seq = seq_[is_client ? 0 : 1];
    segment(is_client, seq, bytes);
    seq += static_cast<std::uint32_t>(bytes.size());
  }
  std::function<void(const Finding&)> into_seen() {
    return [this](const Finding& finding) { seen.push_back({finding}); };
  }

  std::uint32_t seq_[2] = {0xfffffff0U, 0xfffffff8U};
};

}  // namespace alibi::packet
