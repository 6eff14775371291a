#pragma once
// Writes pcapng (draft-ietf-opsawg-pcapng) blocks: the bytes only, the caller
// puts them where they belong. Layout and options: docs/packet-format.md.
// Thread: one.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "event/address.hpp"
#include "packet/capture_reader.hpp"
#include "packet/packet.hpp"

namespace alibi::packet {

struct SectionInfo {
  std::string hardware;
  std::string os;
  std::string application;
  std::string comment;
};

/// Each function appends one whole block to `out`; blocks are little-endian.
using Blocks = std::vector<std::byte>;

void append_section(Blocks& out, const SectionInfo& info);
/// Times of its packets are nanoseconds (if_tsresol 9).
void append_interface(Blocks& out, const Interface& interface);
/// `packet.interface` counts the interfaces of this section. `comment` may be empty.
void append_packet(Blocks& out, const Packet& packet, std::string_view comment = {});
void append_process(Blocks& out, const ProcessInfo& process);
void append_name(Blocks& out, const event::IpAddress& address, std::string_view name);
/// Interface statistics block at the end of a section: packets kept, and lost before.
void append_statistics(Blocks& out, std::uint32_t interface, WallNs time, std::uint64_t received,
                       std::uint64_t dropped);

}  // namespace alibi::packet
