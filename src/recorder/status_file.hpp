#pragma once
// The recorder's state for `alibi status` and for monitoring: one JSON object,
// rewritten every second under a temporary name and renamed, so that a reader
// never sees half of it. Fields: recorder.hpp.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "recorder/pipeline.hpp"
#include "seal/sealer.hpp"

namespace alibi::recorder {

struct StatusFacts {
  std::string since;  ///< RFC 3339
  std::vector<SensorState> sensors;
  Pipeline::Counts counts;
  std::uint64_t budget_bytes = 0;
  PacketOptions packets;
  bool tls_requests = false;
  std::uint64_t packet_budget_bytes = 0;
  std::string boot_id;
  std::optional<seal::SealState> seal;  ///< none: the log is not sealed
};

/// Errors: Io. Nothing else depends on the file.
Status write_status(const std::filesystem::path& directory, const StatusFacts& facts);

}  // namespace alibi::recorder
