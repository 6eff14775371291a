#include "packet/handshake.hpp"

#include <algorithm>

#include "packet/certificate.hpp"
#include "packet/client_hello.hpp"
#include "packet/cursor.hpp"

namespace alibi::packet {
namespace {

constexpr std::size_t kHeadBytes = 4;
constexpr std::uint8_t kCertificateMessage = 11;

}  // namespace

void Handshake::take(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t whole = message_.size() < kHeadBytes ? kHeadBytes : announced_bytes();
    const auto part = bytes.first(std::min(whole - message_bytes_, bytes.size()));
    bytes = bytes.subspan(part.size());
    message_bytes_ += part.size();
    const auto kept = part.first(std::min(kMessageBytesMax - message_.size(), part.size()));
    message_.insert(message_.end(), kept.begin(), kept.end());
    if (message_.size() < kHeadBytes || message_bytes_ < announced_bytes()) continue;
    tell_message();
    message_.clear();
    message_bytes_ = 0;
  }
}

void Handshake::end() {
  if (message_.size() > kHeadBytes) tell_message();
  message_.clear();
  message_bytes_ = 0;
}

/// Head included; needs the head.
std::size_t Handshake::announced_bytes() const {
  Cursor at(message_);
  (void)at.u8();
  return kHeadBytes + at.u24();
}

void Handshake::tell_message() {
  const auto body = std::span(message_).subspan(kHeadBytes);
  switch (std::to_integer<std::uint8_t>(message_[0])) {
    case kClientHelloMessage:
      if (const auto hello = parse_client_hello(body, announced_bytes() - kHeadBytes))
        sink_.tell(client_hello_finding(*hello, transport_));
      break;
    case kCertificateMessage: tell_certificate(body); break;
    default: break;
  }
}

/// RFC 5246, section 7.4.2: a list of certificates, that of the sender first.
void Handshake::tell_certificate(std::span<const std::byte> body) {
  Cursor at(body);
  (void)at.u24();
  const auto der = at.take(at.u24());
  if (!at.is_sound()) return;  // cut: a certificate is all or nothing
  if (auto finding = certificate_finding(der)) sink_.tell(std::move(*finding));
}

}  // namespace alibi::packet
