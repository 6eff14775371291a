#pragma once
// Numbers out of bytes and into bytes, in the order a format asks for. Every
// read is checked: beyond the end it is empty, so that no caller can forget.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace alibi::packet {

using ByteSpan = std::span<const std::byte>;

template <std::integral T>
[[nodiscard]] constexpr T in_order(T value, std::endian order) {
  if constexpr (sizeof(T) == 1) return value;
  return order == std::endian::native ? value : std::byteswap(value);
}

/// `bytes` has at least `at + sizeof(T)` bytes: for callers that have looked.
template <std::integral T>
[[nodiscard]] T load(ByteSpan bytes, std::size_t at, std::endian order) {
  T value;
  std::memcpy(&value, bytes.subspan(at, sizeof value).data(), sizeof value);
  return in_order(value, order);
}

template <std::integral T>
[[nodiscard]] std::optional<T> read_number(ByteSpan bytes, std::size_t at, std::endian order) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return std::nullopt;
  return load<T>(bytes, at, order);
}

template <std::integral T>
void put(std::vector<std::byte>& out, T value, std::endian order) {
  value = in_order(value, order);
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

}  // namespace alibi::packet
