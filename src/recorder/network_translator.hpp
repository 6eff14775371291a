#pragma once
// Kernel records of the network ring, and the table of conversations, to log
// records: flows with their process, grade and reason, and names.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "recorder/attribution.hpp"
#include "recorder/packet_owners.hpp"
#include "recorder/translation.hpp"

namespace alibi::recorder {

class NetworkTranslator {
 public:
  /// `owners` hears how flows were attributed; null: nobody wants to know.
  NetworkTranslator(Translation& shared, PacketOwners* owners) : shared_(shared), owners_(owners) {}

  /// One record of the network ring. False: its kind or length is not known.
  bool translate(std::span<const std::byte> bytes);

  enum class Moment : std::uint8_t { Open, Update, Close };
  /// A conversation as the table has it. `reason` of its end: idle, closed.
  void on_conversation(const alibi_conversation_key& key, const alibi_conversation& conversation,
                       Moment moment, std::string_view reason);

  /// Sockets released since the last call: their conversations are over.
  std::vector<std::uint64_t> take_released() { return std::exchange(released_, {}); }
  /// Flows announced since the last call: time to look who holds their sockets.
  bool take_announced() { return std::exchange(has_announced_, false); }

 private:
  bool on_flow(const alibi_flow& flow);
  bool on_listen(const alibi_flow& flow);
  bool on_socket(const alibi_socket& socket);
  bool on_socket_use(const alibi_socket_use& use);
  bool on_socket_end(const alibi_socket_end& end);
  bool on_holder(const alibi_holder& holder);
  bool on_connect_fail(const alibi_connect_fail& failure);
  bool on_dns(const DnsView& dns);

  SocketFacts facts_of(const alibi_flow& flow);
  void describe_people(event::Record& record, const SocketFacts& facts, const Attribution& found);
  void name_flow(event::Record& record);
  event::Record flow_record(event::Kind kind, BootNs boot, const Attribution& found);

  Translation& shared_;
  PacketOwners* owners_;
  std::vector<std::uint64_t> released_;
  bool has_announced_ = false;
};

}  // namespace alibi::recorder
