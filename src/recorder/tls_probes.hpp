#pragma once
// Probes inside of TLS libraries (bpf/tls.bpf.c): loads the programs and attaches
// them to files, in whatever container they are used. Made only when asked for;
// while no object of this class exists, nothing of it is in the kernel.
//
// A file is attached once, for all processes that have it mapped or will. Nothing
// is pinned: without a recorder nothing is probed. Needs Linux 5.17 (bpf_loop).
// Thread: one at a time.

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "recorder/tls_library.hpp"

struct bpf_object;
struct bpf_link;

namespace alibi::recorder {

/// A file, and whether it is probed.
struct TlsLibrary {
  std::string path;   ///< as the process sees it that had it mapped first
  std::string name;   ///< "openssl", "gnutls"
  std::string state;  ///< ok, failed, unsupported
  std::string detail;
};

class TlsProbes {
 public:
  static constexpr std::size_t kFilesMax = 256;

  /// Errors: Unsupported (saying what is missing), Denied, Io.
  static Result<std::unique_ptr<TlsProbes>> load(std::uint32_t ring_bytes);
  ~TlsProbes();
  TlsProbes(const TlsProbes&) = delete;
  TlsProbes& operator=(const TlsProbes&) = delete;

  /// Attaches to what is installed and to what processes have mapped.
  void attach_present();
  /// A process has mapped this file, of which it is asked whether it is a TLS library.
  void attach_mapped(std::uint32_t pid, const MappedFile& file);

  [[nodiscard]] int ring_fd() const { return ring_fd_; }
  /// Sum over all CPUs. Errors: Io.
  [[nodiscard]] Result<alibi_tls_counters> read_counters() const;
  /// Why connections are not named on this kernel; empty: they are.
  [[nodiscard]] const std::string& flow_fault() const { return flow_fault_; }
  [[nodiscard]] const std::vector<TlsLibrary>& libraries() const { return libraries_; }

 private:
  TlsProbes() = default;
  void choose_socket_programs();
  void attach_socket_programs();
  void attach(const std::string& reachable, std::string_view shown, alibi_tls_library library);
  std::string attach_functions(const std::string& reachable, alibi_tls_library library);
  void detach_from(std::size_t first);
  void note_failure(std::string_view shown, alibi_tls_library library, std::string detail);

  bpf_object* object_ = nullptr;
  std::vector<bpf_link*> links_;
  std::vector<TlsLibrary> libraries_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> files_;  ///< device and inode, seen
  std::string flow_fault_;
  int ring_fd_ = -1;  ///< borrowed from the object
  int counters_fd_ = -1;
};

}  // namespace alibi::recorder
