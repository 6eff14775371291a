#pragma once
// One HTTP/1 message (RFC 9112), by http-parser: its head is told when it is
// complete, its body is passed over by Content-Length, by chunks or to the end
// of the connection, and not kept unless asked for or a DNS message (RFC 8484).
// One parser reads one message; what follows is recognised anew, so that the
// new protocol behind CONNECT and Upgrade needs no rule of its own.

#include <memory>
#include <span>

#include "packet/head_parser.hpp"
#include "packet/http_head.hpp"

namespace alibi::packet {

enum class Http1Start : std::uint8_t { No, NeedsMore, Request, Response };

/// Whether a message begins here: a method and a space, or "HTTP/".
[[nodiscard]] Http1Start recognise_http1(std::span<const std::byte> bytes);

/// `exchange` and `sink` are kept and must live longer than the parser.
[[nodiscard]] std::unique_ptr<HeadParser> make_http1(bool is_request,
                                                     const Inspector::Options& options,
                                                     Exchange& exchange, FindingSink& sink);

}  // namespace alibi::packet
