#pragma once
// Client hellos in QUIC Initial packets, versions 1 and 2 (RFC 9000, 9001,
// 9369): packets of one UDP flow, coalesced or not, CRYPTO frames in any order
// over any number of them, also after Retry. Only the client's side is opened.
//
// Bounded: kAttemptsMax connections a flow, of which the oldest gives way.

#include <cstddef>
#include <list>
#include <span>

#include "packet/head_parser.hpp"

namespace alibi::packet {

/// Whether the datagram begins with an Initial packet of a known version.
[[nodiscard]] bool is_quic_initial(std::span<const std::byte> datagram);

class QuicFlow {
 public:
  static constexpr std::size_t kAttemptsMax = 4;

  QuicFlow();
  ~QuicFlow();

  void add(std::span<const std::byte> datagram, FindingSink& sink);
  /// Tells what is half there.
  void end(FindingSink& sink);
  /// Nothing could be opened so far.
  [[nodiscard]] bool is_empty() const { return attempts_.empty(); }
  [[nodiscard]] std::size_t kept_bytes() const;

 private:
  class Attempt;
  struct Initial;

  void add_initial(const Initial& initial, FindingSink& sink);

  std::list<Attempt> attempts_;  ///< the newest first
};

}  // namespace alibi::packet
