#pragma once
// What `alibi status` says: of a recorder that runs, from the state file it
// rewrites every second; of none, from the log and the kernel.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "report/style.hpp"

namespace alibi::report {

struct SensorLine {
  std::string name;
  std::string state;  ///< ok, degraded, failed, unsupported
  std::string hook;
  std::string detail;
};

/// Of the packet log.
struct PacketStatus {
  std::uint64_t packets = 0;        ///< written by this recorder
  std::uint64_t payload_bytes = 0;  ///< kept of each at most; 0: headers only
  std::uint64_t budget = 0;
  std::string fault;
};

/// A TLS library, and whether its calls are probed.
struct TlsLibraryLine {
  std::string path;
  std::string tls;    ///< openssl, gnutls
  std::string state;  ///< ok, failed, unsupported
  std::string detail;
};

/// Of the seal.
struct SealStatus {
  std::string origin;
  std::uint64_t leaves = 0;
  std::uint64_t last_event = 0;  ///< sealed
  std::uint64_t waiting = 0;     ///< blocks
  std::uint64_t lag_ms = 0;
  std::uint64_t epoch = 0;
  std::optional<std::uint64_t> checkpoint_age_ms;
  std::string fault;
  std::string witness;  ///< what is wrong with the witnesses
};

struct RecorderStatus {
  bool is_recording = false;
  std::string since;  ///< RFC 3339, empty: not recording
  std::optional<std::uint32_t> pid;
  std::string version;
  std::vector<SensorLine> sensors;
  std::uint64_t records = 0;
  std::uint64_t lost = 0;
  std::map<std::string, std::uint64_t> lost_by_reason;
  std::uint64_t disk_bytes = 0;
  std::uint64_t disk_budget = 0;
  std::string disk_fault;               ///< what the disk is refusing now
  std::optional<PacketStatus> packets;  ///< empty: packets are not recorded
  bool tls_requests = false;            ///< requests inside TLS are asked for
  std::vector<TlsLibraryLine> tls_libraries;
  std::optional<SealStatus> seal;  ///< empty: the log is not sealed
  std::optional<std::uint64_t> heartbeat_boot_ns;
  std::string original;  ///< the state file, printed as it is by --json
};

/// Reads a state file. Unknown fields are kept for --json. Errors: Corrupt.
Result<RecorderStatus> parse_status(std::string_view text);

[[nodiscard]] std::string to_json(const RecorderStatus& status);
[[nodiscard]] std::string to_text(const RecorderStatus& status, const std::string& directory,
                                  const Style& style);

}  // namespace alibi::report
