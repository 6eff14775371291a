#pragma once
// Community ID flow hash, version 1 (github.com/corelight/community-id-spec):
// the join key to Zeek, Suricata, Wireshark and others. Seed 0.

#include <cstdint>
#include <string>

#include "event/address.hpp"

namespace alibi::event {

/// `ip_protocol` is the IANA number (6, 17, 1, 58, ...). Endpoints in either
/// order give the same id. For ICMP the port of the asking side is the type and
/// the port of the other side the answering type (echo: 8 and 0), or the code
/// where the specification knows no answering type; without ports the id is
/// computed as for protocols that have none.
[[nodiscard]] std::string community_id(std::uint8_t ip_protocol, const Endpoint& a,
                                       const Endpoint& b);

}  // namespace alibi::event
