#pragma once
// The first certificate of a chain, the one of the peer itself, by OpenSSL.

#include <cstddef>
#include <optional>
#include <span>

#include "packet/inspector.hpp"

namespace alibi::packet {

/// Fields subject, names (CN and subject alternative names, each once), issuer,
/// not_before, not_after (RFC 3339, UTC), sha256 of the DER. Empty where these
/// bytes are no certificate.
[[nodiscard]] std::optional<Finding> certificate_finding(std::span<const std::byte> der);

}  // namespace alibi::packet
