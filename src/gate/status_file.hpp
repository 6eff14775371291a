#pragma once
// What the gate says of itself, for `alibi gate status` and for monitoring: one
// JSON object, rewritten every second under a temporary name and renamed.

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "gate/kernel_gate.hpp"
#include "notify/notifier.hpp"
#include "store/log_writer.hpp"

namespace alibi::gate {

struct StatusFacts {
  BootNs as_of;              ///< nothing here is older
  std::string since;         ///< RFC 3339
  std::string policy_since;  ///< of the policy in force
  std::string policy_error;  ///< why a newer one is not
  std::vector<KernelGate::Attachment> attachments;
  std::vector<std::string> missing;  ///< devices that the policy names
  alibi_gate_counters counters{};
  std::vector<alibi_gate_hits> hits;  ///< of each rule, the default last
  std::vector<KernelGate::Host> hosts;
  std::uint64_t flows = 0;
  notify::Notifier::Counts told;
  store::Totals log;
  std::int64_t wall_offset_ns = 0;
};

/// Errors: Io. Nothing else depends on the file.
Status write_status(const std::filesystem::path& directory, const StatusFacts& facts,
                    const Policy& policy);

/// The file as JSON text. Errors: NotFound (no gate is at work), Denied, Io.
Result<std::string> read_status(const std::filesystem::path& directory);

/// For people. Errors: Corrupt.
Result<std::string> status_text(const std::string& json);

}  // namespace alibi::gate
