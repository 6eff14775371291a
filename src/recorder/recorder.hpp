#pragma once
// Records a machine, or one command with all its descendants, into a log
// directory. This is the whole of recorder/ as the command line sees it.
//
// Both functions block. They need root, or CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN,
// CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; without: Denied, saying which.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/log_writer.hpp"
#include "witness/client.hpp"

namespace alibi::recorder {

/// Which packets are kept, and how much of each.
struct PacketOptions {
  bool is_on = true;
  std::uint32_t payload_bytes = 0;  ///< kept of each packet behind its headers; kWhole: all
  std::string payload_filter;     ///< pcap-filter(7): of which packets payload is kept; empty: all
  std::filesystem::path copy_to;  ///< of `run`: a capture file besides; empty: none
  bool has_unowned = false;       ///< of `record`: also what no socket owns
  std::uint64_t rate_bytes =
      0;  ///< a second, in the log; beyond it only what matters most. 0: no limit

  static constexpr std::uint32_t kWhole = 65'535;
};

struct Options {
  std::filesystem::path directory = "/var/lib/alibi";
  store::Limits limits;
  std::uint32_t process_ring_bytes = 8U << 20;  ///< power of two, at least 4096
  std::uint32_t network_ring_bytes = 8U << 20;  ///< power of two, at least 4096
  std::uint32_t packet_ring_bytes = 16U << 20;  ///< power of two, at least 4096
  std::uint32_t perf_pages = 512;               ///< per CPU, power of two, 4 KiB each
  bool keep_attached =
      true;  ///< pin programs and rings so that a restart loses nothing (record only)
  bool hash_images = true;     ///< SHA-256 and package of every executable
  bool record_modules = true;  ///< library mappings
  bool record_dns = true;
  bool record_failed_exec = true;
  std::uint64_t flow_update_ms = 300'000;  ///< a flow that lives longer is told again
  bool tls_requests = false;  ///< also heads of requests inside TLS, by probes in TLS libraries
  PacketOptions packets;
  witness::ClientOptions third_parties;  ///< who witnesses and stamps the seal
  std::string config_sha256;  ///< of the configuration as read, written into recorder_start
  std::vector<std::string> disabled_sensors;  ///< by name, for tests and for kernels that misbehave
};

/// The daemon. Returns when SIGTERM or SIGINT arrives. Tells systemd when it is
/// ready and that it is alive (sd_notify).
Status record(const Options& options);

/// Mounts the memory that the open part of an encrypted log stands in, so that a recorder with
/// fewer privileges and a file system view of its own can follow. True: the log is encrypted.
/// Errors: Denied (not permitted, or a recorder runs), Io.
Result<bool> mount(const Options& options);

/// Detaches the programs that a recorder of this directory left attached when
/// it was stopped as a service (so that its successor misses nothing). True:
/// there were some. Not to be called while a recorder runs. Errors: Denied.
Result<bool> detach(const std::filesystem::path& directory);

struct RunSummary {
  int exit_status = 0;  ///< of the command, 128+N when signal N ended it
  std::uint64_t records = 0;
  std::uint64_t lost = 0;
  std::uint64_t processes = 0;
  std::uint64_t flows = 0;
  std::uint64_t packets = 0;
  double seconds = 0;
  std::string unsealed;     ///< why nothing was sealed, in a log with an identity
  std::string unwitnessed;  ///< which witness or authority did not answer, and why
};

/// Runs `command` (argv, looked up in PATH) and records it and its descendants
/// until the last of them has ended. Its standard streams are the caller's.
/// Errors: NotFound when the command cannot be executed.
Result<RunSummary> run(const Options& options, const std::vector<std::string>& command);

/// One line per sensor: what this kernel offers. Loads and attaches everything
/// for a moment, records nothing.
struct SensorState {
  std::string name;    ///< such as "exec"
  std::string state;   ///< ok, degraded, failed, unsupported
  std::string hook;    ///< such as "tp_btf/sched_process_exec"
  std::string detail;  ///< error or remark, may be empty
};
Result<std::vector<SensorState>> probe_sensors();

/// The recorder's state file, `status.json` in the log directory, rewritten
/// every second (write to a temporary name, rename). Fields: design section 5
/// of `status --json`, plus pid, version, heartbeat_boot_ns. Readers treat it as
/// live only while the lock of the directory is held.
inline constexpr const char* kStatusFile = "status.json";

}  // namespace alibi::recorder
