#include "packet/tls.hpp"

#include <algorithm>
#include <vector>

#include "packet/certificate.hpp"
#include "packet/client_hello.hpp"
#include "packet/cursor.hpp"

namespace alibi::packet {
namespace {

constexpr std::size_t kRecordHeadBytes = 5;
constexpr std::size_t kRecordBytesMax = (16 << 10) + 2048;
constexpr std::size_t kMessageHeadBytes = 4;
constexpr std::size_t kMessageBytesMax = Inspector::kStreamBytesMax;
constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kHeartbeat = 24;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kServerHello = 2;
constexpr std::uint8_t kCertificate = 11;

class TlsDirection : public HeadParser {
 public:
  explicit TlsDirection(FindingSink& sink) : sink_(sink) {}

  Taken take(std::span<const std::byte> bytes) override {
    const std::size_t all = bytes.size();
    while (!bytes.empty()) {
      if (record_left_ == 0) {
        const std::size_t wanted = std::min(kRecordHeadBytes - head_.size(), bytes.size());
        head_.insert(head_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(wanted));
        bytes = bytes.subspan(wanted);
        if (head_.size() < kRecordHeadBytes) break;
        if (const Next next = begin_record(); next != Next::Same) return {all, next};
        continue;
      }
      const auto part = bytes.first(std::min(record_left_, bytes.size()));
      bytes = bytes.subspan(part.size());
      record_left_ -= part.size();
      if (is_handshake_) add_handshake(part);
    }
    return {all, Next::Same};
  }

  Next skip(std::uint64_t) override {
    end();
    return Next::Unreadable;
  }

  void end() override {
    if (message_.size() > kMessageHeadBytes) tell_message(message_size());
    message_.clear();
  }

  [[nodiscard]] std::size_t kept_bytes() const override { return message_.size(); }

 private:
  Next begin_record() {
    Cursor at(head_);
    const std::uint8_t type = at.u8();
    const std::uint16_t version = at.u16();
    record_left_ = at.u16();
    head_.clear();
    if (version >> 8U != 3 || record_left_ > kRecordBytesMax) {
      end();
      return Next::Unreadable;
    }
    is_handshake_ = type == kHandshake;
    if (is_handshake_ || type == kAlert || type == kHeartbeat) return Next::Same;
    end();
    return Next::Nothing;  // change of cipher, or data: ciphertext from here on
  }

  void add_handshake(std::span<const std::byte> part) {
    while (!part.empty()) {
      const std::size_t wanted = message_.size() < kMessageHeadBytes
                                     ? kMessageHeadBytes - message_.size()
                                     : message_size() + kMessageHeadBytes - message_bytes_;
      const auto taken = part.first(std::min(wanted, part.size()));
      part = part.subspan(taken.size());
      message_bytes_ += taken.size();
      const std::size_t room = kMessageBytesMax - message_.size();
      const auto kept = taken.first(std::min(room, taken.size()));
      message_.insert(message_.end(), kept.begin(), kept.end());
      if (message_.size() < kMessageHeadBytes) continue;
      if (message_bytes_ < message_size() + kMessageHeadBytes) continue;
      tell_message(message_size());
      message_.clear();
      message_bytes_ = 0;
    }
  }

  /// As announced; needs the head of the message.
  [[nodiscard]] std::size_t message_size() const {
    Cursor at(message_);
    (void)at.u8();
    return at.u24();
  }

  void tell_message(std::size_t wire_bytes) {
    const auto body = std::span(message_).subspan(kMessageHeadBytes);
    switch (std::to_integer<std::uint8_t>(message_[0])) {
      case kClientHello:
        if (const auto hello = parse_client_hello(body, wire_bytes))
          sink_.tell(client_hello_finding(*hello, 't'));
        break;
      case kCertificate: tell_certificate(body); break;
      default: break;
    }
  }

  /// RFC 5246, section 7.4.2: a list of certificates, that of the sender first.
  void tell_certificate(std::span<const std::byte> body) {
    Cursor at(body);
    (void)at.u24();
    const auto der = at.take(at.u24());
    if (!at.is_sound()) return;  // cut: a certificate is all or nothing
    if (auto finding = certificate_finding(der)) sink_.tell(std::move(*finding));
  }

  FindingSink& sink_;
  std::vector<std::byte> head_;     ///< of the record, until it is whole
  std::vector<std::byte> message_;  ///< its head and what is kept of its body
  std::size_t message_bytes_ = 0;   ///< that came of it
  std::size_t record_left_ = 0;
  bool is_handshake_ = false;
};

}  // namespace

TlsStart recognise_tls(std::span<const std::byte> bytes) {
  constexpr std::size_t kNeeded = 6;
  Cursor at(bytes.first(std::min(bytes.size(), kNeeded)));
  const auto agrees = [&](auto accepts) {
    if (at.left() == 0) return true;  // undecided
    return accepts(at.u8());
  };
  const bool may_be = agrees([](unsigned type) { return type == kHandshake; }) &&
                      agrees([](unsigned major) { return major == 3; }) &&
                      agrees([](unsigned minor) { return minor <= 4; });
  if (!may_be) return TlsStart::No;
  if (bytes.size() < kNeeded) return TlsStart::NeedsMore;
  const std::size_t size = at.u16();
  const std::uint8_t message = at.u8();
  const bool is_hello = message == kClientHello || message == kServerHello;
  return is_hello && size > 0 && size <= kRecordBytesMax ? TlsStart::Hello : TlsStart::No;
}

std::unique_ptr<HeadParser> make_tls(FindingSink& sink) {
  return std::make_unique<TlsDirection>(sink);
}

}  // namespace alibi::packet
