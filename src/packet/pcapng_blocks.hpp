#pragma once
// Numbers of the pcapng format that reader and writer share.
// draft-ietf-opsawg-pcapng; process information: docs/packet-format.md.

#include <cstddef>
#include <cstdint>

namespace alibi::packet {

/// No block of ours or of any known writer comes near.
inline constexpr std::uint32_t kBlockBytesMax = 16 << 20;

inline constexpr std::uint32_t kSectionBlock = 0x0a0d0d0a;
inline constexpr std::uint32_t kInterfaceBlock = 1;
inline constexpr std::uint32_t kOldPacketBlock = 2;
inline constexpr std::uint32_t kSimplePacketBlock = 3;
inline constexpr std::uint32_t kNameBlock = 4;
inline constexpr std::uint32_t kStatisticsBlock = 5;
inline constexpr std::uint32_t kPacketBlock = 6;
inline constexpr std::uint32_t kCustomBlock = 0x00000bad;
inline constexpr std::uint32_t kCustomBlockNotCopied = 0x40000bad;
inline constexpr std::uint32_t kDarwinProcessBlock = 0x80000001;

inline constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
inline constexpr std::uint64_t kSectionLengthUnknown = UINT64_MAX;

inline constexpr std::uint16_t kEndOfOptions = 0;
inline constexpr std::uint16_t kComment = 1;

namespace section_option {
inline constexpr std::uint16_t kHardware = 2;
inline constexpr std::uint16_t kOs = 3;
inline constexpr std::uint16_t kApplication = 4;
}  // namespace section_option

namespace interface_option {
inline constexpr std::uint16_t kName = 2;
inline constexpr std::uint16_t kDescription = 3;
inline constexpr std::uint16_t kTimeResolution = 9;
inline constexpr std::uint16_t kFilter = 11;
inline constexpr std::uint16_t kTimeOffset = 14;
}  // namespace interface_option

namespace packet_option {
inline constexpr std::uint16_t kFlags = 2;
inline constexpr std::uint16_t kDropCount = 4;
inline constexpr std::uint16_t kPacketId = 5;
inline constexpr std::uint16_t kProcessThread = 8;
inline constexpr std::uint16_t kDarwinProcess = 0x8001;
}  // namespace packet_option

namespace statistics_option {
inline constexpr std::uint16_t kReceived = 4;
inline constexpr std::uint16_t kInterfaceDropped = 5;
}  // namespace statistics_option

namespace name_record {
inline constexpr std::uint16_t kEnd = 0;
inline constexpr std::uint16_t kIpv4 = 1;
inline constexpr std::uint16_t kIpv6 = 2;
}  // namespace name_record

/// Wireshark's custom blocks.
inline constexpr std::uint32_t kWiresharkNumber = 32622;
inline constexpr std::uint32_t kProcessEntry = 3;

namespace process_option {
inline constexpr std::uint16_t kName = 2;
inline constexpr std::uint16_t kPath = 3;
inline constexpr std::uint16_t kArguments = 4;
inline constexpr std::uint16_t kParent = 5;
inline constexpr std::uint16_t kUid = 6;
inline constexpr std::uint16_t kUser = 7;
inline constexpr std::uint16_t kStart = 9;
}  // namespace process_option

/// Blocks and options are padded to this.
constexpr std::size_t padded(std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; }

}  // namespace alibi::packet
