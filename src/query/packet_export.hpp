#pragma once
// Packets of a log as one pcapng file that can be understood alone: interfaces
// and processes before the packets that need them, and names only of addresses
// that occur. Bytes only; the caller writes them. docs/packet-format.md.
//
// Thread: one. Memory: descriptions, not packets.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "packet/headers.hpp"
#include "packet/pcapng_writer.hpp"
#include "query/packet_log.hpp"

namespace alibi::query {

class PacketExport {
 public:
  explicit PacketExport(packet::SectionInfo info) : info_(std::move(info)) {}

  /// Appends the packet and, before it, what it needs. Its comment names the
  /// process, for readers that know neither option 8 nor process blocks.
  void append(packet::Blocks& out, const LoggedPacket& logged, const packet::Headers& headers);
  /// What stands at the end; a file without packets gets its section header here.
  void finish(packet::Blocks& out, WallNs now);

 private:
  struct Counted {
    std::uint32_t index = 0;
    std::uint64_t packets = 0;
    std::uint64_t dropped = 0;
  };
  using InterfaceKey =
      std::tuple<packet::LinkType, std::uint32_t, std::string, std::string, std::string>;
  using ProcessKey = std::tuple<std::uint32_t, std::uint64_t, std::string>;

  void begin(packet::Blocks& out);
  Counted& interface_of(packet::Blocks& out, const packet::Interface& interface);
  void describe(packet::Blocks& out, const packet::ProcessInfo& process);
  void learn_names(const LoggedPacket& logged);

  packet::SectionInfo info_;
  bool has_begun_ = false;
  std::map<InterfaceKey, Counted> interfaces_;
  std::set<ProcessKey> processes_;
  std::set<event::IpAddress> addresses_;
  std::set<std::pair<event::IpAddress, std::string>> names_;
  std::pair<std::uint64_t, std::size_t> names_seen_;  ///< segment, number of its names
};

/// "4242@81234567" where the recorder wrote it, else empty.
[[nodiscard]] std::string_view identity_of(const packet::ProcessInfo& process);
/// Value of "key=" among the words of a comment, else empty.
[[nodiscard]] std::string_view word_of(std::string_view comment, std::string_view key);

}  // namespace alibi::query
