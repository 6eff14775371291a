#include "packet/tls.hpp"

#include <algorithm>
#include <vector>

#include "packet/cursor.hpp"
#include "packet/handshake.hpp"

namespace alibi::packet {
namespace {

constexpr std::size_t kRecordHeadBytes = 5;
constexpr std::size_t kRecordBytesMax = (16 << 10) + 2048;
constexpr std::uint8_t kAlertRecord = 21;
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kHeartbeatRecord = 24;

class TlsDirection : public HeadParser {
 public:
  explicit TlsDirection(FindingSink& sink) : handshake_(sink, 't') {}

  Taken take(std::span<const std::byte> bytes) override {
    const std::size_t all = bytes.size();
    while (!bytes.empty()) {
      const std::size_t wanted = record_left_ > 0 ? record_left_ : kRecordHeadBytes - head_.size();
      const auto part = bytes.first(std::min(wanted, bytes.size()));
      bytes = bytes.subspan(part.size());
      if (record_left_ > 0) {
        record_left_ -= part.size();
        if (is_handshake_) handshake_.take(part);
        continue;
      }
      head_.insert(head_.end(), part.begin(), part.end());
      if (head_.size() < kRecordHeadBytes) break;
      if (const Next next = begin_record(); next != Next::Same) return {all, next};
    }
    return {all, Next::Same};
  }

  Next skip(std::uint64_t count) override {
    if (!is_handshake_ && count <= record_left_) {
      record_left_ -= count;
      return Next::Same;
    }
    handshake_.end();
    return Next::Unreadable;
  }

  void end() override { handshake_.end(); }

  [[nodiscard]] std::size_t kept_bytes() const override { return handshake_.kept_bytes(); }

 private:
  Next begin_record() {
    Cursor at(head_);
    const std::uint8_t type = at.u8();
    const std::uint16_t version = at.u16();
    record_left_ = at.u16();
    head_.clear();
    const bool is_sound = version >> 8U == 3 && record_left_ <= kRecordBytesMax;
    is_handshake_ = type == kHandshakeRecord;
    if (is_sound && (is_handshake_ || type == kAlertRecord || type == kHeartbeatRecord))
      return Next::Same;
    handshake_.end();
    // A change of cipher, or data: ciphertext from here on.
    return is_sound ? Next::Nothing : Next::Unreadable;
  }

  Handshake handshake_;
  std::vector<std::byte> head_;  ///< of the record, until it is whole
  std::uint64_t record_left_ = 0;
  bool is_handshake_ = false;
};

}  // namespace

TlsStart recognise_tls(std::span<const std::byte> bytes) {
  constexpr std::size_t kNeeded = kRecordHeadBytes + 1;
  Cursor at(bytes.first(std::min(bytes.size(), kNeeded)));
  const auto agrees = [&](auto accepts) {
    return at.left() == 0 || accepts(at.u8());  // at the end: undecided
  };
  const bool may_be = agrees([](unsigned type) { return type == kHandshakeRecord; }) &&
                      agrees([](unsigned major) { return major == 3; }) &&
                      agrees([](unsigned minor) { return minor <= 4; });
  if (!may_be) return TlsStart::No;
  if (bytes.size() < kNeeded) return TlsStart::NeedsMore;
  const std::size_t size = at.u16();
  const std::uint8_t message = at.u8();
  const bool is_hello = message == kClientHelloMessage || message == kServerHelloMessage;
  return is_hello && size > 0 && size <= kRecordBytesMax ? TlsStart::Hello : TlsStart::No;
}

std::unique_ptr<HeadParser> make_tls(FindingSink& sink) {
  return std::make_unique<TlsDirection>(sink);
}

}  // namespace alibi::packet
