#include "store/pcapng_blocks.hpp"

#include "packet/byte_order.hpp"
#include "packet/pcapng_blocks.hpp"

namespace alibi::store {
namespace {

constexpr std::size_t kFramingBytes = 12;  // type, length, length again
constexpr std::size_t kPacketHeadBytes = 28;

template <typename T>
T number(std::span<const std::byte> bytes, std::size_t at) {
  return packet::load<T>(bytes, at, std::endian::little);
}

std::size_t padded(std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; }

}  // namespace

std::optional<std::size_t> block_length(std::span<const std::byte> bytes) {
  if (bytes.size() < kFramingBytes) return std::nullopt;
  const std::size_t length = number<std::uint32_t>(bytes, 4);
  if (length < kFramingBytes || length % 4 != 0 || length > bytes.size() ||
      length > packet::kBlockBytesMax || number<std::uint32_t>(bytes, length - 4) != length)
    return std::nullopt;
  return length;
}

std::optional<std::uint64_t> packet_number(std::span<const std::byte> block) {
  if (block.size() < kPacketHeadBytes + 4 ||
      number<std::uint32_t>(block, 0) != packet::kPacketBlock)
    return std::nullopt;
  std::size_t at = kPacketHeadBytes + padded(number<std::uint32_t>(block, 20));
  while (at + 4 <= block.size() - 4) {
    const auto code = number<std::uint16_t>(block, at);
    const std::size_t length = number<std::uint16_t>(block, at + 2);
    if (code == packet::kEndOfOptions) break;
    if (code == packet::packet_option::kPacketId && length == 8 && at + 12 <= block.size() - 4)
      return number<std::uint64_t>(block, at + 4);
    at += 4 + padded(length);
  }
  return std::nullopt;
}

WallNs packet_time(std::span<const std::byte> block) {
  const auto high = static_cast<std::uint64_t>(number<std::uint32_t>(block, 12));
  return {static_cast<std::int64_t>(high << 32 | number<std::uint32_t>(block, 16))};
}

}  // namespace alibi::store
