#pragma once
// The blocks of our own pcapng files, as far as the store must know them: where
// each ends, and the number of a packet. docs/packet-format.md.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/clock.hpp"

namespace alibi::store {

/// The length of the block that `bytes` begins with, when all of it is there
/// and its two lengths agree.
[[nodiscard]] std::optional<std::size_t> block_length(std::span<const std::byte> bytes);

/// The number of the packet, when the block is one that has a number.
[[nodiscard]] std::optional<std::uint64_t> packet_number(std::span<const std::byte> block);
/// Of a block that has a number. Our interfaces count nanoseconds.
[[nodiscard]] WallNs packet_time(std::span<const std::byte> block);

}  // namespace alibi::store
