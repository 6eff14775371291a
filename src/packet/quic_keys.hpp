#pragma once
// Opens the Initial packets of QUIC clients. Their keys follow from the
// destination connection id that the client chose (RFC 9001, section 5.2;
// RFC 9369, section 3.3), so this is no secret; the tag still proves that a
// packet was made by somebody who speaks the protocol. Cryptography by OpenSSL.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace alibi::packet {

enum class QuicVersion : std::uint32_t { One = 1, Two = 0x6b3343cf };

struct QuicKeys {
  std::array<unsigned char, 16> key{};
  std::array<unsigned char, 12> iv{};
  std::array<unsigned char, 16> header_key{};
};

/// Of the client's packets. Empty only where the cryptography is not to be had.
[[nodiscard]] std::optional<QuicKeys> quic_client_keys(QuicVersion version,
                                                       std::span<const std::byte> connection_id);

/// The frames of the packet, whose number begins at `number_at`; `packet` ends
/// with it. Empty where these are not its keys.
[[nodiscard]] std::optional<std::vector<std::byte>> open_quic_packet(
    const QuicKeys& keys, std::span<const std::byte> packet, std::size_t number_at);

}  // namespace alibi::packet
