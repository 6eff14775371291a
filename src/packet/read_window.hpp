#pragma once
// A moving view of an Input: the reader of a format asks for so many bytes,
// looks at them where they are, and moves on. Grows only as bytes arrive, so
// that a length field alone can claim no memory. Thread: one.

#include <memory>
#include <vector>

#include "packet/byte_order.hpp"
#include "packet/input.hpp"

namespace alibi::packet {

class ReadWindow {
 public:
  explicit ReadWindow(std::unique_ptr<Input> input) : input_(std::move(input)) {}

  /// Makes at least `bytes` visible. False: the file ends (for now) before.
  Result<bool> fill(std::size_t bytes);
  [[nodiscard]] ByteSpan bytes() const { return ByteSpan(data_).subspan(begin_, end_ - begin_); }
  void consume(std::size_t bytes) {
    begin_ += bytes;
    offset_ += bytes;
  }
  /// Of the first visible byte, in the unpacked file.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  void make_room(std::size_t bytes);

  std::unique_ptr<Input> input_;
  std::vector<std::byte> data_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace alibi::packet
