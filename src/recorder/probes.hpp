#pragma once
// The kernel side: loads the BPF programs, attaches them, keeps them attached
// across a restart, and says which sensors work on this kernel.
//
// What a kernel offers is found by trying, never by its version. A program
// that does not load is switched off and its sensor reported; the others go on.
//
// With a pin directory (below /sys/fs/bpf) programs and maps outlive the
// process; a later Probes of the same build takes them over with the rings just
// as they were left. Those of another build (an upgrade) go on until the new
// ones are attached and what they recorded before that moment has been read. Thread: created by one
// thread, used by the drain thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
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
    std::uint32_t packet_ring_bytes = 16U << 20;
    std::filesystem::path pin_directory;  ///< empty: nothing outlives this object
    std::vector<std::string> disabled_sensors;
  };

  /// Errors: Denied (capabilities), Unsupported (kernel without BTF, or not one
  /// program loads), Io.
  static Result<std::unique_ptr<Probes>> load(const Settings& settings);
  ~Probes();

  /// True when pinned programs were found running and taken over.
  [[nodiscard]] bool is_resumed() const { return is_resumed_; }

  /// Rings of an earlier build that is attached still. What they hold from
  /// before valid_from() is theirs to tell; -1: none, or not of our layout.
  struct Predecessor {
    int process_ring_fd = -1;
    int network_ring_fd = -1;
    int packet_ring_fd = -1;
    int counters_fd = -1;
    std::uint32_t wire_version = 0;
  };
  [[nodiscard]] const std::optional<Predecessor>& predecessor() const { return predecessor_; }
  /// Records of our own rings from before this moment are the predecessor's.
  [[nodiscard]] BootNs valid_from() const { return valid_from_; }
  /// Detaches the predecessor. Store thread, once what it told is in the log.
  void end_predecessor();

  [[nodiscard]] int ring_fd(alibi_ring ring) const;
  [[nodiscard]] int conversations_fd() const { return conversations_fd_; }
  [[nodiscard]] const std::vector<SensorState>& sensors() const { return sensors_; }
  [[nodiscard]] bool works(std::string_view sensor) const;
  /// Works, and nothing of it is missing on this kernel.
  [[nodiscard]] bool is_whole(std::string_view sensor) const;

  /// The settings the programs read while they run; valid_from_ns is kept.
  Status configure(alibi_config config);

  /// One element per CPU. Errors: Io.
  Result<std::vector<alibi_counters>> read_counters() const { return read_counters(counters_fd_); }
  static Result<std::vector<alibi_counters>> read_counters(int map_fd);

  /// How often the kernel skipped a program because it was active already on
  /// that CPU (Linux 5.12, bpf_prog_info.recursion_misses), over all programs.
  std::uint64_t recursion_misses() const;

  /// Reports, through the rings, every process / every socket descriptor /
  /// every flow that became old enough. Errors: Unsupported, Io.
  Status walk_tasks() { return read_iterator("al_it_task"); }
  Status walk_files() { return read_iterator("al_it_files"); }
  Status sweep_flows() { return read_iterator("al_it_sockets"); }

  /// Takes every pin away, so that nothing stays attached after this object.
  void unpin();
  /// The same for whatever is pinned below `pin_directory`. True: something was.
  static bool unpin_all(const std::filesystem::path& pin_directory);

 private:
  Probes() = default;
  friend class ProbeLoader;

  struct Program {
    const char* name;
    const char* sensor;
    bpf_program* program = nullptr;  ///< null when resumed
    bpf_link* link = nullptr;
    int fd = -1;  ///< of the loaded program; without privileges it can only be kept, not found
  };

  Status read_iterator(const char* program);

  std::vector<bpf_object*> objects_;
  std::vector<Program> programs_;
  std::vector<UniqueFd> events_;  ///< of programs attached again, see tracepoint_event.hpp
  std::vector<SensorState> sensors_;
  std::filesystem::path pin_directory_;  ///< of this build
  std::optional<Predecessor> predecessor_;
  BootNs valid_from_;
  int process_ring_fd_ = -1;  ///< borrowed from the objects, or ours when resumed
  int network_ring_fd_ = -1;
  int packet_ring_fd_ = -1;  ///< also where no packet program was attached
  int counters_fd_ = -1;
  int config_fd_ = -1;
  int conversations_fd_ = -1;
  int sock_fd_ = -1;
  bool is_resumed_ = false;
};

}  // namespace alibi::recorder
