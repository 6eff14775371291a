#include "packet/pcapng_parts.hpp"

#include <algorithm>
#include <limits>

#include "packet/pcapng_blocks.hpp"

namespace alibi::packet {
namespace {

__extension__ using Wide = __int128;

constexpr Wide kNsPerSecond = 1'000'000'000;
constexpr unsigned kNsExponent = 9;

Wide power_of_10(unsigned exponent) {
  Wide value = 1;
  while (exponent-- > 0)
    value *= 10;
  return value;
}

Wide ns_of(std::uint8_t resolution, std::uint64_t ticks) {
  const unsigned exponent = resolution & 0x7fU;
  if (resolution & 0x80) return exponent < 100 ? Wide{ticks} * kNsPerSecond >> exponent : 0;
  if (exponent <= kNsExponent) return Wide{ticks} * power_of_10(kNsExponent - exponent);
  return exponent - kNsExponent < 20 ? ticks / power_of_10(exponent - kNsExponent) : 0;
}

/// C strings one after the other in `text`, the last maybe without its zero.
std::vector<std::string> split_at_zeros(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find('\0');
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

void read_process_option(ProcessInfo& process, std::uint16_t code, ByteSpan value) {
  constexpr auto kOrder = std::endian::little;  // of these entries, whatever the section's
  switch (code) {
    case kComment: process.comment = text_of(value); break;
    case process_option::kName: process.name = text_of(value); break;
    case process_option::kPath: process.path = text_of(value); break;
    case process_option::kArguments: process.args = split_at_zeros(text_of(value)); break;
    case process_option::kParent:
      process.parent_pid = read_number<std::uint32_t>(value, 0, kOrder);
      break;
    case process_option::kUid: process.uid = read_number<std::uint32_t>(value, 0, kOrder); break;
    case process_option::kUser: process.user = text_of(value); break;
    case process_option::kStart:
      process.start_ns = read_number<std::uint64_t>(value, 0, kOrder);
      break;
    default: break;
  }
}

bool visit_names(ByteSpan value, bool is_v6, const std::function<bool(HostName)>& visit) {
  const std::size_t octets = is_v6 ? 16 : 4;
  if (value.size() < octets) return true;
  event::IpAddress address{.is_v6 = is_v6};
  std::memcpy(address.bytes.data(), value.data(), octets);
  for (std::string& name : split_at_zeros(text_of(value.subspan(octets)))) {
    if (!visit({address, std::move(name)})) return false;
  }
  return true;
}

}  // namespace

WallNs InterfaceClock::time_of(std::uint64_t ticks) const {
  const Wide ns = ns_of(resolution, ticks) + Wide{offset_seconds} * kNsPerSecond;
  constexpr Wide kMin = std::numeric_limits<std::int64_t>::min();
  constexpr Wide kMax = std::numeric_limits<std::int64_t>::max();
  return {static_cast<std::int64_t>(std::clamp(ns, kMin, kMax))};
}

void for_each_option(ByteSpan options, std::endian order,
                     const std::function<void(std::uint16_t code, ByteSpan value)>& visit) {
  while (options.size() >= 4) {
    const auto code = load<std::uint16_t>(options, 0, order);
    const auto length = load<std::uint16_t>(options, 2, order);
    if (code == kEndOfOptions || length > options.size() - 4) return;
    visit(code, options.subspan(4, length));
    options = options.subspan(std::min(4 + padded(length), options.size()));
  }
}

std::optional<DescribedInterface> read_interface(ByteSpan body, std::endian order) {
  if (body.size() < 8) return std::nullopt;
  DescribedInterface described{{.link = LinkType{load<std::uint16_t>(body, 0, order)},
                                .snap_bytes = load<std::uint32_t>(body, 4, order)},
                               {}};
  for_each_option(body.subspan(8), order, [&](std::uint16_t code, ByteSpan value) {
    switch (code) {
      case interface_option::kName: described.interface.name = text_of(value); break;
      case interface_option::kDescription: described.interface.description = text_of(value); break;
      case interface_option::kTimeResolution:
        if (!value.empty()) described.clock.resolution = std::to_integer<std::uint8_t>(value[0]);
        break;
      case interface_option::kFilter:  // its first byte 0: text for libpcap
        if (!value.empty() && value[0] == std::byte{0})
          described.interface.filter = text_of(value.subspan(1));
        break;
      case interface_option::kTimeOffset:
        described.clock.offset_seconds = read_number<std::int64_t>(value, 0, order).value_or(0);
        break;
      default: break;
    }
  });
  return described;
}

std::optional<ProcessInfo> read_process_entry(ByteSpan body, std::endian order) {
  constexpr auto kOrder = std::endian::little;
  if (read_number<std::uint32_t>(body, 0, order) != kWiresharkNumber) return std::nullopt;
  if (read_number<std::uint32_t>(body, 4, kOrder) != kProcessEntry) return std::nullopt;
  const auto length = read_number<std::uint32_t>(body, 8, kOrder);
  if (!length || *length > body.size() - 12) return std::nullopt;
  const ByteSpan entry = body.subspan(12, *length);
  const auto pid = read_number<std::uint32_t>(entry, 0, kOrder);
  if (!pid) return std::nullopt;
  ProcessInfo process{.pid = *pid};
  for_each_option(entry.subspan(4), kOrder, [&](std::uint16_t code, ByteSpan value) {
    read_process_option(process, code, value);
  });
  return process;
}

std::optional<ProcessInfo> read_darwin_process(ByteSpan body, std::endian order) {
  const auto pid = read_number<std::uint32_t>(body, 0, order);
  if (!pid) return std::nullopt;
  ProcessInfo process{.pid = *pid};
  for_each_option(body.subspan(4), order, [&](std::uint16_t code, ByteSpan value) {
    if (code == process_option::kName) process.name = text_of(value);
  });
  return process;
}

void for_each_name(ByteSpan body, std::endian order, const std::function<bool(HostName)>& visit) {
  while (body.size() >= 4) {
    const auto type = load<std::uint16_t>(body, 0, order);
    const auto length = load<std::uint16_t>(body, 2, order);
    if (type == name_record::kEnd || length > body.size() - 4) return;
    const ByteSpan value = body.subspan(4, length);
    if (type == name_record::kIpv4 || type == name_record::kIpv6) {
      if (!visit_names(value, type == name_record::kIpv6, visit)) return;
    }
    body = body.subspan(std::min(4 + padded(length), body.size()));
  }
}

}  // namespace alibi::packet
