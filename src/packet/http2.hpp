#pragma once
// Cleartext HTTP/2 (RFC 9113), with prior knowledge or after an upgrade from
// HTTP/1: heads of requests and responses, header compression (RFC 7541) undone
// by nghttp2. Bodies are passed over. What was missed of a head cannot be made
// up for, because later heads refer to it: a direction with a hole there is
// given up. So is one that was not seen from its beginning.
//
// Bounded: kBlockBytesMax of one compressed head, kHeadersMax fields of it,
// kTableBytesMax of what compression remembers.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "packet/head_parser.hpp"
#include "packet/http_head.hpp"

struct nghttp2_hd_inflater;

namespace alibi::packet {

enum class Http2Start : std::uint8_t { No, NeedsMore, Preface, Settings };

/// The client's preface, or the SETTINGS frame with which a server begins.
[[nodiscard]] Http2Start recognise_http2(std::span<const std::byte> bytes);

/// What the two directions of one connection must know of each other: how much
/// the receiver of heads lets their sender's compression remember.
class Http2Tables {
 public:
  static constexpr std::size_t kBlockBytesMax = Inspector::kStreamBytesMax;
  static constexpr std::size_t kHeadersMax = 1024;
  static constexpr std::uint32_t kTableBytesMax = 64 << 10;

  /// `exchange` and `sink` are kept, and this object: all must live longer.
  [[nodiscard]] std::unique_ptr<HeadParser> read(bool is_client, Exchange& exchange,
                                                 FindingSink& sink);

 private:
  friend class Http2Direction;

  /// Asked for by the receiver in SETTINGS, in force when the sender confirms.
  std::array<std::optional<std::uint32_t>, 2> table_bytes_asked_;  ///< of the client, of the server
};

}  // namespace alibi::packet
