#pragma once
// TLS records of one direction (RFC 8446, section 5.1) up to where they become
// unreadable: client hellos, and the certificate of TLS 1.2 and older. A
// handshake message may span records and segments.

#include <memory>
#include <span>

#include "packet/head_parser.hpp"

namespace alibi::packet {

enum class TlsStart : std::uint8_t { No, NeedsMore, Hello };

/// Whether a record with a hello of either side begins here.
[[nodiscard]] TlsStart recognise_tls(std::span<const std::byte> bytes);

[[nodiscard]] std::unique_ptr<HeadParser> make_tls(FindingSink& sink);

}  // namespace alibi::packet
