#pragma once
// The gate's program in the kernel: loaded, attached to devices, told what to
// do, and asked what it did.
//
// The links and maps live as long as this object; with keep_in() as long as
// their pins. Thread: one.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "gate/tables.hpp"
#include "wire/alibi_gate.h"

struct gate_bpf;
struct ring_buffer;

namespace alibi::gate {

class KernelGate {
 public:
  struct Attachment {
    std::string device;
    std::uint32_t index = 0;  ///< 0: not attached now
    std::string hook;         ///< tcx or clsact
  };
  using FlowVisit = std::function<void(const alibi_gate_flow_key&, const alibi_gate_flow&)>;

  /// Errors: Denied (capabilities), Unsupported (the kernel refuses the program).
  static Result<std::unique_ptr<KernelGate>> load();
  ~KernelGate();
  KernelGate(const KernelGate&) = delete;
  KernelGate& operator=(const KernelGate&) = delete;

  /// Errors: NotFound (no such device), Denied, Io.
  Status attach(const std::string& device);
  /// Looks whether devices went, or came back, and attaches again.
  void follow_devices();
  [[nodiscard]] const std::vector<Attachment>& attachments() const { return attachments_; }

  /// Puts the policy in force, for all packets from one moment on; on an error
  /// the one before stays. Errors: Io.
  Status install(const Tables& tables, const std::map<std::uint8_t, Key>& keys);
  Status set_wall_offset(std::int64_t offset_ns);

  /// Becomes readable with the first packet of a flow.
  [[nodiscard]] int poll_fd() const;
  /// Hands over what is in the ring.
  void read_events(const FlowVisit& visit);
  /// All flows that are known. Errors: Io.
  Status visit_flows(const FlowVisit& visit);
  /// Takes the flow out, as it is at this moment; false: it is not there.
  bool remove_flow(const alibi_gate_flow_key& key, alibi_gate_flow& last);

  /// Sums over all CPUs.
  [[nodiscard]] alibi_gate_counters counters() const;
  /// Of the policy in force, in its order.
  [[nodiscard]] std::vector<alibi_gate_hits> hits(std::size_t rules) const;
  struct Host {
    alibi_gate_host host;
    alibi_gate_sticky sticky;
  };
  /// Who is remembered now; forgets whose time is over.
  std::vector<Host> hosts(std::uint64_t now_boot_ns);

  /// Remembered hosts follow their zones to the numbers of a new policy.
  void renumber_hosts(const Policy& before, const Policy& now);

  /// Programs and flows stay when the process ends. Errors: Io.
  Status keep_in(const std::filesystem::path& directory);
  /// Takes out what an earlier process kept, its untold flows first. Null visit
  /// is allowed. True: something was there.
  static bool take_out(const std::filesystem::path& directory, const FlowVisit& visit);

 private:
  KernelGate() = default;
  Status attach_program(Attachment& to, std::uint32_t index);
  [[nodiscard]] int map_fd(const char* name) const;
  Status clear_slot(std::uint32_t slot);
  Status fill_slot(std::uint32_t slot, const Tables& tables);
  Status set_keys(const std::map<std::uint8_t, Key>& keys);
  Status control(const std::function<void(alibi_gate_control&)>& change);
  Status pin_links();

  gate_bpf* programs_ = nullptr;
  ring_buffer* ring_ = nullptr;
  FlowVisit visit_;
  std::vector<Attachment> attachments_;
  std::map<std::string, UniqueFd> links_;  ///< tcx, by device
  std::filesystem::path pins_;
  std::uint32_t slot_ = 1;  ///< in force; the first install goes into 0
};

}  // namespace alibi::gate
