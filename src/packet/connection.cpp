#include "packet/connection.hpp"

#include <algorithm>
#include <array>

#include "packet/dns_finding.hpp"
#include "packet/http1.hpp"
#include "packet/http2.hpp"
#include "packet/tls.hpp"

namespace alibi::packet {
namespace {

/// What two beginnings that are not yet distinguishable may need.
constexpr std::size_t kCarryBytesMax = 32;
/// Linux keeps a closed connection's ports for 60 s; others up to four minutes.
constexpr std::uint64_t kPortsRestNs = 240'000'000'000;

}  // namespace

class Connection::Side : public StreamSink, public FindingSink {
 public:
  Side(Connection& connection, bool is_source) : connection_(connection), is_source_(is_source) {}

  void on_bytes(std::span<const std::byte> bytes) override {
    while (!bytes.empty() && !is_given_up_) {
      if (!parser_ && !carry_.empty()) {
        std::vector<std::byte> joined = std::move(carry_);
        carry_.clear();
        joined.insert(joined.end(), bytes.begin(), bytes.end());
        on_joined(joined);
        return;
      }
      bytes = read(bytes);
    }
  }

  void on_piece(const HeadPiece& piece) {
    if (piece.position > position_) on_missing(piece.position - position_);
    position_ = piece.position + piece.bytes.size();
    offset_ = piece.offset - carry_.size();
    if (!parser_ && carry_.empty() && is_behind_unknown_body_) {
      static constexpr std::array<std::uint8_t, 4> kLastChunkEnds{'\r', '\n', '\r', '\n'};
      if (piece.before != kLastChunkEnds) return;  // still the body, whatever it looks like
      is_behind_unknown_body_ = false;
    }
    on_bytes(piece.bytes);
  }

  void on_missing(std::uint64_t count) override {
    carry_.clear();
    if (!parser_) return;
    follow(parser_->skip(count));
  }

  void tell(Finding finding) override { connection_.tell(std::move(finding), is_source_); }

  void end() {
    stream.finish(*this);
    if (parser_) parser_->end();
    parser_.reset();
  }

  [[nodiscard]] bool is_given_up() const { return is_given_up_; }
  [[nodiscard]] bool is_idle() const {
    return is_given_up_ || (!parser_ && carry_.empty() && stream.waiting_bytes() == 0);
  }
  [[nodiscard]] std::size_t kept_bytes() const {
    return stream.waiting_bytes() + carry_.size() + (parser_ ? parser_->kept_bytes() : 0);
  }

  Stream stream;
  bool has_fin = false;

 private:
  void on_joined(std::span<const std::byte> bytes) {
    while (!bytes.empty() && !is_given_up_)
      bytes = read(bytes);
  }

  /// Returns what is left to read.
  std::span<const std::byte> read(std::span<const std::byte> bytes) {
    if (!parser_ && offset_ < body_until_) {
      const auto of_body = std::min<std::uint64_t>(bytes.size(), body_until_ - offset_);
      offset_ += of_body;
      return bytes.subspan(static_cast<std::size_t>(of_body));
    }
    if (!parser_ && !recognise(bytes)) return {};
    const Taken taken = parser_->take(bytes);
    follow(taken.next);
    if (!connection_.options_.are_heads_only) return bytes.subspan(taken.bytes);
    offset_ += taken.bytes;
    is_behind_unknown_body_ = taken.left_out == kUnknownBody;
    if (is_behind_unknown_body_) return {};
    body_until_ = offset_ + taken.left_out;
    return bytes.subspan(taken.bytes);
  }

  void follow(Next next) {
    if (next == Next::Same) return;
    parser_.reset();
    is_given_up_ = next == Next::Nothing;
  }

  /// Sets the parser, or keeps the bytes that do not yet decide.
  bool recognise(std::span<const std::byte> bytes) {
    const Http1Start http = recognise_http1(bytes);
    const TlsStart tls = recognise_tls(bytes);
    const Http2Start http2 = recognise_http2(bytes);
    if (http == Http1Start::Request || http == Http1Start::Response) {
      parser_ = make_http1(http == Http1Start::Request, connection_.options_, connection_.exchange_,
                           *this);
    } else if (tls == TlsStart::Hello) {
      parser_ = make_tls(*this);
    } else if (http2 == Http2Start::Preface || http2 == Http2Start::Settings) {
      parser_ = connection_.http2_.read(http2 == Http2Start::Preface, connection_.exchange_, *this);
    } else if (bytes.size() < kCarryBytesMax &&
               (http == Http1Start::NeedsMore || tls == TlsStart::NeedsMore ||
                http2 == Http2Start::NeedsMore)) {
      carry_.assign(bytes.begin(), bytes.end());
    } else if (connection_.is_dns_) {
      parser_ = make_dns_stream(*this);
    } else {
      unrecognised_bytes_ += bytes.size();
      is_given_up_ = unrecognised_bytes_ > kUnrecognisedBytesMax;
    }
    if (parser_) unrecognised_bytes_ = 0;
    return parser_ != nullptr;
  }

  Connection& connection_;
  std::unique_ptr<HeadParser> parser_;
  std::vector<std::byte> carry_;
  std::uint64_t unrecognised_bytes_ = 0;
  std::uint64_t position_ = 0;    ///< of the next piece, unless some were lost
  std::uint64_t offset_ = 0;      ///< of the next byte to read; of pieces only
  std::uint64_t body_until_ = 0;  ///< offset at which a body ends that was left out
  bool is_behind_unknown_body_ = false;
  bool is_source_;
  bool is_given_up_ = false;
};

Connection::Connection(std::uint64_t stream, Inspector::Options options)
    : stream_(stream),
      options_(options),
      sides_{std::make_unique<Side>(*this, true), std::make_unique<Side>(*this, false)} {}

Connection::~Connection() = default;

void Connection::add(bool is_from_source, BootNs time, const Headers& headers, const Found& found) {
  time_ = time;
  found_ = &found;
  is_dns_ = is_dns_ || is_dns_port(headers.source_port) || is_dns_port(headers.destination_port);
  Side& from = side(is_from_source);
  Side& to = side(!is_from_source);
  std::uint32_t seq = headers.tcp_seq;
  if ((headers.tcp_flags & kSyn) != 0) {
    ++seq;
    if (!from.stream.has_delivered() && from.stream.waiting_bytes() == 0) from.stream.begin(seq);
  }
  // What the other side had sent before comes first: a request before its response.
  if ((headers.tcp_flags & kAck) != 0) to.stream.acknowledge(headers.tcp_ack, to);
  if (!from.is_given_up()) from.stream.add(seq, headers.payload, headers.payload_bytes, from);
  from.has_fin = from.has_fin || (headers.tcp_flags & kFin) != 0;
  is_reset_ = is_reset_ || (headers.tcp_flags & kRst) != 0;
  found_ = nullptr;
}

void Connection::add_piece(bool is_from_source, BootNs time, const HeadPiece& piece,
                           const Found& found) {
  time_ = time;
  found_ = &found;
  if (Side& from = side(is_from_source); !from.is_given_up()) from.on_piece(piece);
  found_ = nullptr;
}

void Connection::end(const Found& found) {
  found_ = &found;
  for (const auto& one : sides_)
    one->end();
  found_ = nullptr;
}

bool Connection::is_succeeded_by(BootNs time, const Headers& headers, bool is_from_source) const {
  if ((headers.tcp_flags & (kSyn | kAck)) != kSyn) return false;
  const Stream& stream = side(is_from_source).stream;
  if (!stream.has_delivered() && !side(!is_from_source).stream.has_delivered()) return false;
  const bool is_over = is_reset_ || sides_[0]->has_fin || sides_[1]->has_fin;
  return is_over || time.ns > time_.ns + kPortsRestNs;
}

bool Connection::is_finished() const {
  return exchange_.next() == nullptr &&
         std::ranges::all_of(sides_, [](const auto& one) { return one->is_idle(); });
}

std::size_t Connection::kept_bytes() const {
  return sides_[0]->kept_bytes() + sides_[1]->kept_bytes();
}

void Connection::tell(Finding finding, bool is_from_source) {
  finding.time = time_;
  finding.stream = stream_;
  finding.is_from_source = is_from_source;
  (*found_)(finding);
}

}  // namespace alibi::packet
