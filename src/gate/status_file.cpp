#include "gate/status_file.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "event/record.hpp"
#include "gate/gate.hpp"
#include "gate/seen_flows.hpp"
#include "store/replace_file.hpp"

namespace alibi::gate {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::uint64_t kLongestSilenceNs = 10'000'000'000;

ordered_json zone_json(const Policy& policy, const std::optional<std::uint8_t>& zone) {
  if (!zone || *zone >= policy.zones.size()) return nullptr;
  return policy.zones[*zone].name;
}

ordered_json rules_json(const StatusFacts& facts, const Policy& policy) {
  ordered_json rules = ordered_json::array();
  for (std::size_t i = 0; i < facts.hits.size(); ++i) {
    const Rule* rule = rule_at(policy, i);
    if (!rule) break;
    ordered_json json = {{"line", rule->line},
                         {"from", zone_json(policy, rule->from)},
                         {"to", zone_json(policy, rule->to)},
                         {"category", nullptr},
                         {"code", nullptr},
                         {"action", to_text(rule->action)},
                         {"packets", facts.hits[i].packets},
                         {"bytes", facts.hits[i].bytes}};
    if (rule->category) json["category"] = policy.names.category(*rule->category);
    if (rule->code) json["code"] = *rule->code;
    if (!rule->mirror.empty()) json["mirror"] = rule->mirror;
    rules.push_back(std::move(json));
  }
  return rules;
}

ordered_json hosts_json(const StatusFacts& facts, const Policy& policy) {
  ordered_json hosts = ordered_json::array();
  for (const auto& [host, sticky] : facts.hosts) {
    ordered_json diagnoses = ordered_json::array();
    for (std::size_t i = 0; i < sticky.mark.count && i < std::size(sticky.mark.diagnoses); ++i)
      diagnoses.push_back(
          policy.names.text(sticky.mark.diagnoses[i].category, sticky.mark.diagnoses[i].code));
    const WallNs until{static_cast<std::int64_t>(sticky.until_boot_ns) + facts.wall_offset_ns};
    hosts.push_back({{"address", event::to_text(address_of(host.address))},
                     {"zone", zone_json(policy, static_cast<std::uint8_t>(host.zone))},
                     {"until", event::to_text(until)},
                     {"state", to_text(static_cast<State>(sticky.mark.state % ALIBI_GATE_STATES))},
                     {"diagnoses", std::move(diagnoses)}});
  }
  return hosts;
}

ordered_json counters_json(const alibi_gate_counters& counters) {
  ordered_json states = ordered_json::object();
  for (std::size_t i = 0; i < ALIBI_GATE_STATES; ++i)
    states[to_text(static_cast<State>(i))] = counters.states[i];
  ordered_json actions = ordered_json::object();
  for (std::size_t i = 0; i < ALIBI_GATE_ACTIONS; ++i)
    actions[to_text(static_cast<Action>(i))] = counters.actions[i];
  return {{"packets", counters.packets},
          {"states", std::move(states)},
          {"actions", std::move(actions)},
          {"exports_stripped", counters.exports_stripped},
          {"unaltered", counters.unaltered},
          {"dropped_instead_of_blanked", counters.fragments_dropped},
          {"mirrored", counters.mirrored},
          {"mirror_failed", counters.mirror_failed},
          {"ring_full", counters.ring_full},
          {"flows_full", counters.flows_full},
          {"searches_refused", counters.searches_refused}};
}

std::string marks_text(const ordered_json& counts) {
  std::string text;
  for (const auto& [name, count] : counts.items())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.get<std::uint64_t>(), name);
  return text;
}

std::string word(const ordered_json& value) {
  if (value.is_null()) return "any";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string make_text(const ordered_json& status) {
  std::string out = fmt::format("gate at work since {}, pid {}\n", word(status["since"]),
                                status["pid"].get<int>());
  for (const auto& device : status["devices"])
    out += fmt::format("  {:<16} {}\n", word(device["name"]), word(device["hook"]));
  if (status["heartbeat_boot_ns"].get<std::uint64_t>() + kLongestSilenceNs < boot_now().ns)
    out += "it has not reported for more than ten seconds\n";
  if (!status["policy_error"].get<std::string>().empty())
    out += fmt::format("a newer policy is not in force: {}\n", word(status["policy_error"]));
  for (const auto& device : status["missing"])
    out += fmt::format("the policy names a device that is not there: {}\n", word(device));
  const auto& counters = status["counters"];
  out += fmt::format("packets: {}\nmarks:   {}\nactions: {}\n",
                     counters["packets"].get<std::uint64_t>(), marks_text(counters["states"]),
                     marks_text(counters["actions"]));
  out += fmt::format("rules since {}:\n", word(status["policy_since"]));
  for (const auto& rule : status["rules"])
    out += fmt::format("  line {:<4} {} -> {}, category {}, code {}: {}, {} packets\n",
                       rule["line"].get<int>(), word(rule["from"]), word(rule["to"]),
                       word(rule["category"]), word(rule["code"]), word(rule["action"]),
                       rule["packets"].get<std::uint64_t>());
  const auto& told = status["told"];
  out += fmt::format("people: {} messages delivered, {} waiting{}\n",
                     told["delivered"].get<std::uint64_t>(), told["waiting"].get<std::uint64_t>(),
                     told["last_error"].get<std::string>().empty()
                         ? ""
                         : "; last failure: " + told["last_error"].get<std::string>());
  out += fmt::format("hosts remembered: {}\n", status["hosts"].size());
  for (const auto& host : status["hosts"])
    out += fmt::format("  {} ({}) until {}: {}\n", word(host["address"]), word(host["state"]),
                       word(host["until"]), host["diagnoses"].dump());
  return out;
}

}  // namespace

Status write_status(const fs::path& directory, const StatusFacts& facts, const Policy& policy) {
  ordered_json devices = ordered_json::array();
  for (const auto& attachment : facts.attachments)
    devices.push_back({{"name", attachment.device},
                       {"index", attachment.index},
                       {"hook", attachment.index == 0 ? "gone" : attachment.hook}});
  const ordered_json status = {{"since", facts.since},
                               {"pid", ::getpid()},
                               {"version", ALIBI_VERSION},
                               {"heartbeat_boot_ns", facts.as_of.ns},
                               {"devices", std::move(devices)},
                               {"missing", facts.missing},
                               {"policy_since", facts.policy_since},
                               {"policy_error", facts.policy_error},
                               {"counters", counters_json(facts.counters)},
                               {"rules", rules_json(facts, policy)},
                               {"hosts", hosts_json(facts, policy)},
                               {"flows", facts.flows},
                               {"told",
                                {{"delivered", facts.told.delivered},
                                 {"waiting", facts.told.waiting},
                                 {"failed_attempts", facts.told.failed_attempts},
                                 {"given_up", facts.told.given_up},
                                 {"unqueued", facts.told.unqueued},
                                 {"last_error", facts.told.last_error}}},
                               {"records", facts.log.records},
                               {"refused", facts.log.refused},
                               {"fault", facts.log.fault}};
  const std::string text =
      status.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  return store::replace_file(directory / kStatusFile, text);
}

Result<std::string> read_status(const fs::path& directory) {
  const fs::path path = directory / kStatusFile;
  errno = 0;
  std::ifstream file(path);
  if (!file && errno == ENOENT)
    return fail(Errc::NotFound, fmt::format("no gate is at work with the log {}; 'alibi gate --dev "
                                            "DEVICE --policy FILE' starts one",
                                            directory.string()));
  if (!file) return fail_errno(errno != 0 ? errno : EIO, "open " + path.string());
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::string> status_text(const std::string& json) {
  try {
    return make_text(ordered_json::parse(json));
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::Corrupt,
                fmt::format("the state of the gate does not parse: {}", error.what()));
  }
}

}  // namespace alibi::gate
