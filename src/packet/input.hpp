#pragma once
// The bytes of a file, unpacked where it is gzip (RFC 1952) or zstd (RFC 8878),
// told by its first bytes. Streaming: memory is one buffer and the window of
// the unpacker, whatever the file says. Thread: one.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/result.hpp"

namespace alibi::packet {

class Input {
 public:
  /// "-" is standard input. `from`: where a frame of a zstd file begins, to begin there.
  /// Errors: NotFound, Denied, Io.
  static Result<std::unique_ptr<Input>> open(const std::filesystem::path& file,
                                             std::uint64_t from = 0);
  virtual ~Input() = default;

  /// Fills `to` from the front; 0 is the end, and of a plain file only the end
  /// for now. Errors: Io; Corrupt when what is packed is broken or cut.
  virtual Result<std::size_t> read(std::span<std::byte> to) = 0;
};

}  // namespace alibi::packet
