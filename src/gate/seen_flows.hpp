#pragma once
// Marked flows as records of kind mark_seen: one at the first packet, then at
// most one a second with what came since. Counts are of the whole flow, so a
// record that is not written costs nothing but time. Thread: one.

#include <cstdint>
#include <map>
#include <vector>

#include "event/record.hpp"
#include "gate/policy.hpp"

namespace alibi::gate {

/// "leak/1"; a category that has no name by number.
[[nodiscard]] std::string diagnosis_text(const alibi_diagnosis& diagnosis);

[[nodiscard]] event::IpAddress address_of(const std::uint8_t (&octets)[16]);

class SeenFlows {
 public:
  /// Both must outlive the object; records are put behind the others.
  SeenFlows(const Policy& policy, std::vector<event::Record>& records)
      : policy_(&policy), records_(&records) {}

  void use_policy(const Policy& policy) { policy_ = &policy; }
  void set_wall_offset(std::int64_t offset_ns) { wall_offset_ns_ = offset_ns; }

  /// Makes a record where there is something new to tell.
  void see(const alibi_gate_flow_key& key, const alibi_gate_flow& flow);
  /// The flow is not in the kernel any more.
  void forget(const alibi_gate_flow_key& key) { told_.erase(bytes_of(key)); }

 private:
  using KeyBytes = std::array<std::uint8_t, sizeof(alibi_gate_flow_key)>;
  static KeyBytes bytes_of(const alibi_gate_flow_key& key);
  [[nodiscard]] event::Record record_of(const alibi_gate_flow_key& key,
                                        const alibi_gate_flow& flow) const;

  const Policy* policy_;
  std::vector<event::Record>* records_;
  std::map<KeyBytes, std::uint64_t> told_;  ///< packets
  std::int64_t wall_offset_ns_ = 0;
};

}  // namespace alibi::gate
