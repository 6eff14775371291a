#pragma once
// DNS messages as Findings, and the stream of length-prefixed messages over TCP
// (RFC 1035, section 4.2.2; RFC 7766).

#include <memory>
#include <span>
#include <string_view>

#include "packet/head_parser.hpp"

namespace alibi::packet {

/// DNS, multicast DNS, LLMNR: nothing in a message itself tells it is one.
[[nodiscard]] bool is_dns_port(std::uint32_t port);

/// `transport` is "udp", "tcp" or "http". False where this is no DNS message.
/// `wire_bytes`: its size where known, so that a cut one says so.
bool tell_dns(std::span<const std::byte> message, std::size_t wire_bytes,
              std::string_view transport, FindingSink& sink);

[[nodiscard]] std::unique_ptr<HeadParser> make_dns_stream(FindingSink& sink);

}  // namespace alibi::packet
