#pragma once
// Reads big-endian fields from bytes that strangers sent. A read past the end
// gives zero (or an empty span), moves to the end and is remembered: check
// is_sound() before believing what was read since.

#include <cstddef>
#include <cstdint>
#include <span>

namespace alibi::packet {

class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] bool is_sound() const { return is_sound_; }

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(number(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }

  std::span<const std::byte> take(std::uint64_t count) {
    if (count > left()) {
      is_sound_ = false;
      at_ = bytes_.size();
      return {};
    }
    const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += taken.size();
    return taken;
  }
  /// What is there of the next `count` bytes; fewer is no error, but unsound.
  std::span<const std::byte> take_some(std::uint64_t count) {
    if (count <= left()) return take(count);
    const auto taken = bytes_.subspan(at_);
    is_sound_ = false;
    at_ = bytes_.size();
    return taken;
  }
  std::span<const std::byte> rest() { return take(left()); }

  /// Variable-length integer of QUIC (RFC 9000, section 16).
  std::uint64_t varint() {
    const std::uint64_t first = u8();
    const std::size_t more = (std::size_t{1} << (first >> 6U)) - 1;
    return ((first & 0x3fU) << (8 * more)) | number(more);
  }

 private:
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    for (const std::byte byte : take(count))
      value = value << 8U | std::to_integer<unsigned>(byte);
    return value;
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool is_sound_ = true;
};

}  // namespace alibi::packet
