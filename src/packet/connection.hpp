#pragma once
// One TCP connection: both directions put together again, the protocol of each
// recognised by its first bytes (and, for DNS, its port), and read by the
// parser of that protocol. What is not recognised is looked at again with every
// piece that arrives, so that STARTTLS, CONNECT, SOCKS and what follows a hole
// are found where they begin; a direction gives that up after
// kUnrecognisedBytesMax bytes of which nothing was recognised.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "packet/head_parser.hpp"
#include "packet/http2.hpp"
#include "packet/http_head.hpp"
#include "packet/stream.hpp"

namespace alibi::packet {

using Found = std::function<void(const Finding&)>;

class Connection {
 public:
  static constexpr std::uint64_t kUnrecognisedBytesMax = 256 << 10;

  Connection(std::uint64_t stream, Inspector::Options options);
  ~Connection();

  void add(bool is_from_source, BootNs time, const Headers& headers, const Found& found);
  void add_piece(bool is_from_source, BootNs time, const HeadPiece& piece, const Found& found);
  /// Tells what is half there.
  void end(const Found& found);

  /// Whether this packet begins another connection of the same name: ports are
  /// used again, and the caller's name may be made of them.
  [[nodiscard]] bool is_succeeded_by(BootNs time, const Headers& headers,
                                     bool is_from_source) const;
  /// Forgetting it loses nothing: all is told, or nothing has begun.
  [[nodiscard]] bool is_finished() const;
  /// Bytes of the peers that wait here.
  [[nodiscard]] std::size_t kept_bytes() const;

 private:
  class Side;

  [[nodiscard]] Side& side(bool is_from_source) const { return *sides_[is_from_source ? 0 : 1]; }
  void tell(Finding finding, bool is_from_source);

  std::uint64_t stream_;
  Inspector::Options options_;
  Exchange exchange_;
  Http2Tables http2_;
  std::array<std::unique_ptr<Side>, 2> sides_;
  BootNs time_;                   ///< of the packet at hand, or the last one
  const Found* found_ = nullptr;  ///< set while a packet is at hand
  bool is_dns_ = false;           ///< by its port
  bool is_reset_ = false;
};

}  // namespace alibi::packet
