#pragma once
// What was asked for: request heads found in the payload of packets, put
// together again where they are split or out of order. One Finding for each
// HTTP/1 and HTTP/2 request and response head, TLS client hello and server
// certificate, QUIC Initial, and DNS message over UDP, TCP or cleartext HTTP.
//
// Bounded: kStreamsMax streams, kStreamBytesMax waiting bytes a direction; the
// oldest gives way and is counted. Holes that are not filled end the search in
// that stream until something recognisable begins. Thread: one.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "event/address.hpp"
#include "packet/headers.hpp"

namespace alibi::packet {

/// What protocol told it. Fields that were not there are left out; what each
/// means is in docs/requests.md.
enum class FindingKind : std::uint8_t {
  /// method, url, version, host, user_agent, referer, origin, content_type,
  /// content_length, x_requested_with, sec_fetch_site, sec_fetch_mode,
  /// sec_fetch_dest, sec_fetch_user; with keep_bodies: body, body_cut
  HttpRequest,
  /// status, version, server, location, content_type, content_length; of the
  /// request where it was seen: method, url, pairing ("likely")
  HttpResponse,
  TlsClientHello,  ///< sni, alpn, version, ja4, ech
  TlsCertificate,  ///< subject, names, issuer, not_before, not_after, sha256
  QuicInitial,     ///< sni, alpn, version (of QUIC), ja4, ech
  /// transport, message ("query", "answer"), id, name, type, rcode, answers;
  /// Finding::message has the bytes
  Dns,
};

struct Finding {
  FindingKind kind = FindingKind::HttpRequest;
  BootNs time;               ///< of the packet that completed it
  std::uint64_t stream = 0;  ///< caller's name of the flow, as given to add()
  bool is_from_source =
      true;  ///< direction of the stream as given to add(): false: the answering side
  std::vector<std::pair<std::string, std::string>>
      fields;                      ///< raw bytes of the peer: escape before showing
  std::vector<std::byte> message;  ///< of Dns: the message
  bool is_cut = false;             ///< not all of the head was there
};

/// Plain text of one direction of a stream, in order, as far as heads are in it:
/// what is left out is in the offsets, what was lost in the positions.
struct HeadPiece {
  std::uint64_t position = 0;            ///< bytes of this direction that were handed on before
  std::uint64_t offset = 0;              ///< bytes of this direction that passed before
  std::array<std::uint8_t, 4> before{};  ///< the last ones of those
  std::span<const std::byte> bytes;
};

class Inspector {
 public:
  static constexpr std::size_t kStreamsMax = 16'384;
  static constexpr std::size_t kStreamBytesMax = 64 << 10;

  struct Options {
    bool keep_bodies = false;  ///< request bodies, at most kStreamBytesMax of each
    /// Fed by add_piece(), from inside TLS: bodies of HTTP/1 and frames of
    /// HTTP/2 without heads are left out, and URLs are https.
    bool are_heads_only = false;
  };

  static std::unique_ptr<Inspector> make(Options options);
  virtual ~Inspector() = default;

  /// One packet of the flow `stream` (the caller's name: a socket cookie, or any
  /// number that is one for both directions). `is_from_source`: sent by the side
  /// that began. Calls `found` for each head that is complete with it.
  virtual void add(std::uint64_t stream, bool is_from_source, BootNs time, const Headers& headers,
                   const std::function<void(const Finding&)>& found) = 0;
  /// The same for bytes that were no packets.
  virtual void add_piece(std::uint64_t stream, bool is_from_source, BootNs time,
                         const HeadPiece& piece,
                         const std::function<void(const Finding&)>& found) = 0;
  /// The flow is over: tells what is half there (is_cut) and forgets it.
  virtual void end(std::uint64_t stream, const std::function<void(const Finding&)>& found) = 0;

  [[nodiscard]] virtual std::uint64_t streams_dropped() const = 0;
};

}  // namespace alibi::packet
