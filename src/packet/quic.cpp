#include "packet/quic.hpp"

#include <optional>

#include "packet/cursor.hpp"
#include "packet/handshake.hpp"
#include "packet/quic_keys.hpp"
#include "packet/stream.hpp"

namespace alibi::packet {
namespace {

constexpr std::size_t kConnectionIdBytesMax = 20;
constexpr unsigned kLongHeader = 0xc0;  ///< with the fixed bit, which version 1 and 2 require

// Frames of Initial packets (RFC 9000, section 19).
constexpr std::uint64_t kPadding = 0;
constexpr std::uint64_t kPing = 1;
constexpr std::uint64_t kAckFrame = 2;
constexpr std::uint64_t kAckEcnFrame = 3;
constexpr std::uint64_t kCrypto = 6;

enum class PacketType : std::uint8_t { Initial, ZeroRtt, Handshake, Retry };

struct LongHeader {
  QuicVersion version = QuicVersion::One;
  PacketType type = PacketType::Initial;
  std::span<const std::byte> destination_id;
};

std::optional<LongHeader> read_long_header(Cursor& at) {
  const unsigned first = at.u8();
  const std::uint32_t version = at.u32();
  LongHeader header{.version = static_cast<QuicVersion>(version)};
  const bool is_known = header.version == QuicVersion::One || header.version == QuicVersion::Two;
  const std::size_t id_bytes = at.u8();
  header.destination_id = at.take(id_bytes);
  const std::size_t source_id_bytes = at.u8();
  at.take(source_id_bytes);
  if (!at.is_sound() || !is_known || (first & kLongHeader) != kLongHeader ||
      id_bytes > kConnectionIdBytesMax || source_id_bytes > kConnectionIdBytesMax) {
    return std::nullopt;
  }
  const unsigned shift = header.version == QuicVersion::Two ? 3 : 0;  // RFC 9369, section 3.2
  header.type = static_cast<PacketType>(((first >> 4U) + shift) & 3U);
  return header;
}

/// Passes over one ACK frame behind its type (RFC 9000, section 19.3).
void skip_ack(Cursor& at, bool has_ecn) {
  at.varint();
  at.varint();
  const std::uint64_t ranges = at.varint();
  at.varint();
  for (std::uint64_t i = 0; i < ranges && at.left() > 0; ++i) {
    at.varint();
    at.varint();
  }
  for (int i = 0; has_ecn && i < 3; ++i)
    at.varint();
}

/// Hands CRYPTO bytes in order to the handshake; a hole ends it.
class CryptoSink : public StreamSink {
 public:
  explicit CryptoSink(Handshake& handshake) : handshake_(handshake) {}
  void on_bytes(std::span<const std::byte> bytes) override { handshake_.take(bytes); }
  void on_missing(std::uint64_t) override { handshake_.end(); }

 private:
  Handshake& handshake_;
};

/// The sink of a Handshake outlives the packets that it was made with.
class CurrentSink : public FindingSink {
 public:
  void set(FindingSink* sink, QuicVersion version) {
    sink_ = sink;
    version_ = version;
  }
  void tell(Finding finding) override {
    for (auto& [name, value] : finding.fields)
      if (name == "version") value = version_ == QuicVersion::Two ? "2" : "1";
    sink_->tell(std::move(finding));
  }

 private:
  FindingSink* sink_ = nullptr;
  QuicVersion version_ = QuicVersion::One;
};

}  // namespace

struct QuicFlow::Initial {
  QuicVersion version;
  std::span<const std::byte> destination_id;
  std::span<const std::byte> packet;
  std::size_t number_at;
};

/// One connection that a client tried to open.
class QuicFlow::Attempt {
 public:
  Attempt(const QuicKeys& keys, QuicVersion version) : keys_(keys), version_(version) {
    stream_.begin(0);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  bool add(const Initial& initial, FindingSink& sink) {
    if (initial.version != version_) return false;
    const auto frames = open_quic_packet(keys_, initial.packet, initial.number_at);
    if (!frames) return false;
    current_.set(&sink, version_);
    read_frames(*frames);
    return true;
  }
  void end(FindingSink& sink) {
    current_.set(&sink, version_);
    CryptoSink crypto(handshake_);
    stream_.finish(crypto);
    handshake_.end();
  }
  [[nodiscard]] std::size_t kept_bytes() const {
    return stream_.waiting_bytes() + handshake_.kept_bytes();
  }

 private:
  void read_frames(std::span<const std::byte> frames) {
    CryptoSink crypto(handshake_);
    Cursor at(frames);
    while (at.left() > 0) {
      switch (at.varint()) {
        case kPadding:
        case kPing: break;
        case kAckFrame: skip_ack(at, false); break;
        case kAckEcnFrame: skip_ack(at, true); break;
        case kCrypto: {
          const std::uint64_t offset = at.varint();
          const auto bytes = at.take(at.varint());
          if (!at.is_sound() || offset > Handshake::kMessageBytesMax) return;
          stream_.add(static_cast<std::uint32_t>(offset), bytes,
                      static_cast<std::uint32_t>(bytes.size()), crypto);
          break;
        }
        default: return;  // a close, or nothing that an Initial may carry
      }
    }
  }

  QuicKeys keys_;
  QuicVersion version_;
  Stream stream_;
  CurrentSink current_;
  Handshake handshake_{current_, 'q'};
};

QuicFlow::QuicFlow() = default;
QuicFlow::~QuicFlow() = default;

bool is_quic_initial(std::span<const std::byte> datagram) {
  Cursor at(datagram);
  const auto header = read_long_header(at);
  return header && header->type == PacketType::Initial;
}

void QuicFlow::add(std::span<const std::byte> datagram, FindingSink& sink) {
  while (!datagram.empty()) {
    Cursor at(datagram);
    const auto header = read_long_header(at);
    if (!header || header->type == PacketType::Retry) return;
    if (header->type == PacketType::Initial) at.take(at.varint());  // token
    const std::uint64_t size = at.varint();
    const std::size_t number_at = at.at();
    at.take(size);
    if (!at.is_sound()) return;
    if (header->type == PacketType::Initial)
      add_initial({header->version, header->destination_id, datagram.first(at.at()), number_at},
                  sink);
    datagram = datagram.subspan(at.at());
  }
}

/// A client goes on with its first keys when the server has given it another
/// connection id, and takes new ones after Retry.
void QuicFlow::add_initial(const Initial& initial, FindingSink& sink) {
  for (Attempt& attempt : attempts_)
    if (attempt.add(initial, sink)) return;
  const auto keys = quic_client_keys(initial.version, initial.destination_id);
  if (!keys) return;
  attempts_.emplace_front(*keys, initial.version);
  if (!attempts_.front().add(initial, sink)) {
    attempts_.pop_front();
  } else if (attempts_.size() > kAttemptsMax) {
    attempts_.back().end(sink);
    attempts_.pop_back();
  }
}

void QuicFlow::end(FindingSink& sink) {
  for (Attempt& attempt : attempts_)
    attempt.end(sink);
  attempts_.clear();
}

std::size_t QuicFlow::kept_bytes() const {
  std::size_t kept = 0;
  for (const Attempt& attempt : attempts_)
    kept += attempt.kept_bytes();
  return kept;
}

}  // namespace alibi::packet
