#pragma once
// Reads captures: pcap (microseconds, nanoseconds, both byte orders, modified
// variants that tcpdump reads) and pcapng (several sections and interfaces),
// plain, gzip or zstd, told by content. Memory is bounded by one block; a
// broken file is read as far as it is sound and then gives Corrupt with offset.
// Thread: one.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
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

class CaptureReader {
 public:
  /// Errors: NotFound, Denied, Io, Corrupt (no capture file). "-" is standard input.
  static Result<std::unique_ptr<CaptureReader>> open(const std::filesystem::path& file);
  virtual ~CaptureReader() = default;

  /// The next packet, valid until the next call; null at the end of the file.
  /// Errors: Corrupt, Io; what was read before stays true.
  virtual Result<const Packet*> next() = 0;

  /// Of all sections so far; Packet::interface is an index into it.
  [[nodiscard]] virtual const std::vector<Interface>& interfaces() const = 0;
  /// In the order of the file so far. A pid may occur again with another start.
  [[nodiscard]] virtual const std::vector<ProcessInfo>& processes() const = 0;
};

}  // namespace alibi::packet
