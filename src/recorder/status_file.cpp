#include "recorder/status_file.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "store/layout.hpp"
#include "store/replace_file.hpp"

namespace alibi::recorder {

namespace {

nlohmann::ordered_json packets_json(const StatusFacts& facts) {
  nlohmann::ordered_json packets = {{"recording", facts.packets.is_on},
                                    {"payload_bytes", facts.packets.payload_bytes},
                                    {"packets", facts.counts.packets.packets},
                                    {"refused", facts.counts.packets.refused},
                                    {"budget", facts.packet_budget_bytes}};
  if (!facts.counts.packets.fault.empty()) packets["fault"] = facts.counts.packets.fault;
  return packets;
}

nlohmann::ordered_json tls_json(const StatusFacts& facts) {
  nlohmann::ordered_json libraries = nlohmann::ordered_json::array();
  for (const TlsLibrary& library : facts.counts.tls_libraries)
    libraries.push_back({{"path", library.path},
                         {"tls", library.name},
                         {"state", library.state},
                         {"detail", library.detail}});
  return {{"on", facts.tls_requests}, {"libraries", std::move(libraries)}};
}

nlohmann::ordered_json seal_json(const seal::SealState& state) {
  const std::uint64_t now = boot_now().ns;
  nlohmann::ordered_json seal = {{"origin", state.origin},
                                 {"leaves", state.leaves},
                                 {"last_event", state.last_event},
                                 {"last_packet", state.last_packet},
                                 {"waiting", state.waiting},
                                 {"lag_ms", state.lag_ms},
                                 {"epoch", state.epoch}};
  if (state.checkpoint_boot_ns != 0)
    seal["checkpoint_age_ms"] = (now - std::min(now, state.checkpoint_boot_ns)) / 1'000'000;
  if (!state.fault.empty()) seal["fault"] = state.fault;
  if (!state.witness.empty()) seal["witness"] = state.witness;
  return seal;
}

}  // namespace

Status write_status(const std::filesystem::path& directory, const StatusFacts& facts) {
  using nlohmann::ordered_json;
  ordered_json sensors = ordered_json::array();
  for (const SensorState& sensor : facts.sensors)
    sensors.push_back({{"name", sensor.name},
                       {"state", sensor.state},
                       {"hook", sensor.hook},
                       {"detail", sensor.detail}});
  ordered_json status = {
      {"recording", true},
      {"since", facts.since},
      {"pid", ::getpid()},
      {"version", ALIBI_VERSION},
      {"boot_id", facts.boot_id},
      {"heartbeat_boot_ns", boot_now().ns},
      {"sensors", std::move(sensors)},
      {"records", facts.counts.log.records},
      {"lost",
       {{"total", facts.counts.lost + facts.counts.log.refused},
        {"by_reason", facts.counts.lost_by_reason}}},
      {"disk",
       {{"bytes", facts.counts.log.disk_bytes},
        {"budget", facts.budget_bytes},
        {"fault", facts.counts.log.fault}}},
      {"packets", packets_json(facts)},
      {"tls_requests", tls_json(facts)},
      {"segments", facts.counts.log.segments},
      {"processes", facts.counts.living},
      {"skipped_by_kernel", facts.counts.skipped_by_kernel},
  };
  if (facts.seal) status["seal"] = seal_json(*facts.seal);
  if (facts.counts.log.refused) status["lost"]["by_reason"]["disk"] = facts.counts.log.refused;
  const std::string text =
      status.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  return store::replace_file(store::Layout::of(directory).content / kStatusFile, text);
}

}  // namespace alibi::recorder
