#pragma once
// The kernel side: loads the BPF programs, attaches them, keeps them attached
// across a restart, and says which sensors work on this kernel.
//
// What a kernel offers is found by trying, never by its version. A program
// that does not load is switched off and its sensor reported; the others go on.
//
// With a pin directory (below /sys/fs/bpf) programs and maps outlive the
// process; a later Probes of the same build takes them over with the rings just
// as they were left. Thread: created by one thread, used by the drain thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "recorder/recorder.hpp"
#include "wire/alibi_event.h"

struct bpf_object;
struct bpf_link;
struct bpf_program;

namespace alibi::recorder {

class Probes {
 public:
  struct Settings {
    std::uint32_t process_ring_bytes = 8U << 20;
    std::uint32_t network_ring_bytes = 8U << 20;
    std::filesystem::path pin_directory;  ///< empty: nothing outlives this object
    std::vector<std::string> disabled_sensors;
  };

  /// Errors: Denied (capabilities), Unsupported (kernel without BTF, or not one
  /// program loads), Io.
  static Result<std::unique_ptr<Probes>> load(const Settings& settings);
  ~Probes();

  /// True when pinned programs were found running and taken over.
  [[nodiscard]] bool is_resumed() const { return is_resumed_; }
  /// Why programs found pinned were not taken over; empty if there were none.
  [[nodiscard]] const std::string& replaced() const { return replaced_; }

  [[nodiscard]] int ring_fd(alibi_ring ring) const;
  [[nodiscard]] int conversations_fd() const;
  [[nodiscard]] const std::vector<SensorState>& sensors() const { return sensors_; }
  [[nodiscard]] bool works(std::string_view sensor) const;

  /// The settings the programs read while they run.
  Status configure(const alibi_config& config);

  /// One element per CPU. Errors: Io.
  Result<std::vector<alibi_counters>> read_counters() const;

  /// How often the kernel skipped a program because it was active already on
  /// that CPU (Linux 5.12, bpf_prog_info.recursion_misses), over all programs.
  std::uint64_t recursion_misses() const;

  /// Reports, through the rings, every process / every socket descriptor /
  /// every flow that became old enough. Errors: Unsupported, Io.
  Status walk_tasks();
  Status walk_files();
  Status sweep_flows();

  /// Takes every pin away, so that nothing stays attached after this object.
  void unpin();

 private:
  Probes() = default;
  friend class ProbeLoader;

  struct Program {
    const char* name;
    const char* sensor;
    bpf_program* program = nullptr;  ///< null when resumed
    bpf_link* link = nullptr;
  };

  Status read_iterator(const char* program);

  std::vector<bpf_object*> objects_;
  std::vector<Program> programs_;
  std::vector<SensorState> sensors_;
  std::filesystem::path pin_directory_;
  int process_ring_fd_ = -1;  ///< borrowed from the objects, or ours when resumed
  int network_ring_fd_ = -1;
  int counters_fd_ = -1;
  int config_fd_ = -1;
  int conversations_fd_ = -1;
  int sock_fd_ = -1;
  bool is_resumed_ = false;
  std::string replaced_;
};

}  // namespace alibi::recorder
