#pragma once
// Reads captures: pcap (microseconds, nanoseconds, both byte orders, modified
// variants that tcpdump reads) and pcapng (several sections and interfaces),
// plain, gzip or zstd, told by content. A broken file is read as far as it is
// sound and then gives Corrupt with its offset. Memory: one block (at most 16
// MiB) and what the file says about interfaces, processes and names (at most
// kDescriptionBytesMax; more is Unsupported). Thread: one.
//
// draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng; process information as of
// docs/packet-format.md, and as macOS writes it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "event/address.hpp"
#include "packet/packet.hpp"

namespace alibi::packet {

struct Interface {
  LinkType link = LinkType::Ethernet;
  std::uint32_t snap_bytes = 0;  ///< 0: no limit
  std::string name;
  std::string description;
  std::string filter;
};

/// Wireshark process information block (custom block, PEN 32622, entry type 3).
struct ProcessInfo {
  std::uint32_t pid = 0;
  std::string name;
  std::string path;
  std::vector<std::string> args;
  std::optional<std::uint32_t> parent_pid;
  std::optional<std::uint32_t> uid;
  std::string user;
  std::optional<std::uint64_t> start_ns;  ///< since 1970-01-01 UTC
  std::string comment;
};

/// One entry of a name resolution block.
struct HostName {
  event::IpAddress address;
  std::string name;
};

inline constexpr std::size_t kDescriptionBytesMax = 64 << 20;

class CaptureReader {
 public:
  enum class Source : std::uint8_t {
    Whole,    ///< a file that ends within a block is Corrupt
    Growing,  ///< somebody still appends: at the last whole block next() is null, later maybe not
  };

  /// Errors: NotFound, Denied, Io, Corrupt (no capture file). "-" is standard input.
  static Result<std::unique_ptr<CaptureReader>> open(const std::filesystem::path& file,
                                                     Source source = Source::Whole);
  virtual ~CaptureReader() = default;

  /// The next packet, valid until the next call; null at the end of the file.
  /// Errors: Corrupt, Io; what was read before stays true.
  virtual Result<const Packet*> next() = 0;
  /// Bytes of a block that is not complete, after next() gave null (Growing).
  [[nodiscard]] virtual std::size_t unread_bytes() const = 0;

  /// Of all sections so far; Packet::interface is an index into it.
  [[nodiscard]] virtual const std::vector<Interface>& interfaces() const = 0;
  /// In the order of the file so far. A pid may occur again with another start.
  [[nodiscard]] virtual const std::vector<ProcessInfo>& processes() const = 0;
  /// In the order of the file so far.
  [[nodiscard]] virtual const std::vector<HostName>& names() const = 0;
};

}  // namespace alibi::packet
