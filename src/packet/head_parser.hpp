#pragma once
// What reads one direction of a connection once its protocol is known, and
// where it tells what it found.

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/inspector.hpp"

namespace alibi::packet {

class FindingSink {
 public:
  virtual ~FindingSink() = default;
  /// The sink knows time, stream and direction; the parser fills the rest.
  virtual void tell(Finding finding) = 0;
};

/// What stands behind the bytes that were taken.
enum class Next : std::uint8_t {
  Same,        ///< more of this
  Recognise,   ///< something new begins, which may be the same protocol again
  Unreadable,  ///< broken, or lost: until something recognisable begins
  Nothing,     ///< nothing that could be read ever again, such as ciphertext
};

inline constexpr std::uint64_t kUnknownBody = UINT64_MAX;

struct Taken {
  std::size_t bytes = 0;  ///< all of them where next is Same
  Next next = Next::Same;
  /// With Options::are_heads_only: of the body that follows and is left out;
  /// kUnknownBody: in chunks, or up to the end.
  std::uint64_t left_out = 0;
};

class HeadParser {
 public:
  virtual ~HeadParser() = default;
  virtual Taken take(std::span<const std::byte> bytes) = 0;
  /// `count` bytes are not to be had.
  virtual Next skip(std::uint64_t count) = 0;
  /// Nothing follows; what is half there is told as cut.
  virtual void end() = 0;
  /// Bytes of the peer that it keeps in memory.
  [[nodiscard]] virtual std::size_t kept_bytes() const = 0;
};

}  // namespace alibi::packet
