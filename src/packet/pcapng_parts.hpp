#pragma once
// Parts of pcapng blocks: options, interface descriptions, process information,
// names. Pure functions on the bytes of one block, any thread.

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "packet/byte_order.hpp"
#include "packet/capture_reader.hpp"

namespace alibi::packet {

/// How an interface counts time.
struct InterfaceClock {
  std::uint8_t resolution = 6;      ///< if_tsresol: negative power of 10, or of 2 with the top bit
  std::int64_t offset_seconds = 0;  ///< if_tsoffset

  /// Times no WallNs can hold become the latest or earliest that it can.
  [[nodiscard]] WallNs time_of(std::uint64_t ticks) const;
};

struct DescribedInterface {
  Interface interface;
  InterfaceClock clock;
};

/// Until the end of the list, or of what is sound of it.
void for_each_option(ByteSpan options, std::endian order,
                     const std::function<void(std::uint16_t code, ByteSpan value)>& visit);

/// Empty: too short.
[[nodiscard]] std::optional<DescribedInterface> read_interface(ByteSpan body, std::endian order);
/// Of a custom block; empty: it is not Wireshark's process information.
[[nodiscard]] std::optional<ProcessInfo> read_process_entry(ByteSpan body, std::endian order);
[[nodiscard]] std::optional<ProcessInfo> read_darwin_process(ByteSpan body, std::endian order);
/// Until `visit` returns false.
void for_each_name(ByteSpan body, std::endian order, const std::function<bool(HostName)>& visit);

[[nodiscard]] inline std::string_view text_of(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace alibi::packet
