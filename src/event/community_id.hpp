#pragma once
// Community ID flow hash, version 1 (github.com/corelight/community-id-spec):
// the join key to Zeek, Suricata, Wireshark and others. Seed 0.

#include <cstdint>
#include <string>

#include "event/address.hpp"

namespace alibi::event {

/// `ip_protocol` is the IANA number (6, 17, 1, 58, ...). Endpoints in either
/// order give the same id. For ICMP the ports are type and code as the
/// specification maps them; without them the id is computed as for protocols
/// that have no ports.
[[nodiscard]] std::string community_id(std::uint8_t ip_protocol, const Endpoint& a,
                                       const Endpoint& b);

}  // namespace alibi::event
