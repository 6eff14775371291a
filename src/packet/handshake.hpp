#pragma once
// Handshake messages (RFC 8446, section 4) out of a stream of their bytes, as
// TLS records and QUIC CRYPTO frames carry them. kMessageBytesMax of a message
// are kept; a longer one is told as cut. Tells client hellos and certificates.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "packet/head_parser.hpp"

namespace alibi::packet {

inline constexpr std::uint8_t kClientHelloMessage = 1;
inline constexpr std::uint8_t kServerHelloMessage = 2;

class Handshake {
 public:
  static constexpr std::size_t kMessageBytesMax = Inspector::kStreamBytesMax;

  /// `transport`: 't' for TCP, 'q' for QUIC.
  Handshake(FindingSink& sink, char transport) : sink_(sink), transport_(transport) {}

  void take(std::span<const std::byte> bytes);
  /// Nothing follows: a half hello is told as cut.
  void end();
  [[nodiscard]] std::size_t kept_bytes() const { return message_.size(); }

 private:
  [[nodiscard]] std::size_t announced_bytes() const;
  void tell_message();
  void tell_certificate(std::span<const std::byte> body);

  FindingSink& sink_;
  std::vector<std::byte> message_;  ///< its head and what is kept of its body
  std::size_t message_bytes_ = 0;   ///< that came of it
  char transport_;
};

}  // namespace alibi::packet
