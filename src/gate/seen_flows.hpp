#pragma once
// Marked flows as records of kind mark_seen: one at the first packet, then at
// most one a second with what came since. Counts are of the whole flow, so a
// record that is not written costs nothing but time. Thread: one.

#include <cstdint>
#include <map>
#include <vector>

#include "event/record.hpp"
#include "gate/policy.hpp"
#include "notify/grouping.hpp"

namespace alibi::gate {

[[nodiscard]] event::IpAddress address_of(const std::uint8_t (&octets)[16]);

class SeenFlows {
 public:
  /// All must outlive the object; records and findings are put behind the others.
  SeenFlows(const Policy& policy, std::vector<event::Record>& records,
            std::vector<notify::Finding>& findings)
      : policy_(&policy), records_(&records), findings_(&findings) {}

  void set_wall_offset(std::int64_t offset_ns) { wall_offset_ns_ = offset_ns; }

  /// Makes a record where there is something new to tell.
  void see(const alibi_gate_flow_key& key, const alibi_gate_flow& flow);
  /// The flow is not in the kernel any more.
  void forget(const alibi_gate_flow_key& key) { told_.erase(bytes_of(key)); }

 private:
  using KeyBytes = std::array<std::uint8_t, sizeof(alibi_gate_flow_key)>;
  static KeyBytes bytes_of(const alibi_gate_flow_key& key);
  void find(const event::Record& record, const alibi_gate_flow& flow, std::uint64_t told);
  [[nodiscard]] event::Record record_of(const alibi_gate_flow_key& key,
                                        const alibi_gate_flow& flow) const;

  const Policy* policy_;
  std::vector<event::Record>* records_;
  std::vector<notify::Finding>* findings_;
  std::map<KeyBytes, std::uint64_t> told_;  ///< packets
  std::int64_t wall_offset_ns_ = 0;
};

}  // namespace alibi::gate
