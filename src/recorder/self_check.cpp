#include "recorder/self_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace alibi::recorder {
namespace {

using event::Kind;
using event::Record;

bool is_flow(const Record& record, std::uint64_t cookie) {
  return cookie != 0 && (record.kind == Kind::FlowClose || record.kind == Kind::FlowOpen) &&
         record.flow.starts_with(fmt::format("{:x}@", cookie));
}

bool is_of(const Record& record, Kind kind, std::uint32_t pid) {
  return record.kind == kind && record.process && record.process->pid == pid;
}

}  // namespace

std::vector<SensorProof> find_proofs(const SelfTestActions& actions,
                                     const std::vector<Record>& records) {
  std::vector<SensorProof> proofs;
  const auto look = [&](const char* sensor, std::string action, auto&& matches) {
    proofs.push_back({sensor, std::ranges::any_of(records, matches), std::move(action)});
  };
  look("fork", "a fork", [&](const Record& r) { return is_of(r, Kind::Fork, actions.exec_pid); });
  look("exec", "an exec", [&](const Record& r) { return is_of(r, Kind::Exec, actions.exec_pid); });
  look("exec_fail", "an exec of a missing program", [&](const Record& r) {
    return is_of(r, Kind::ExecFail, actions.failed_pid) && r.result == "ENOENT";
  });
  look("exit", "an exit with status 7", [&](const Record& r) {
    return is_of(r, Kind::Exit, actions.failed_pid) &&
           r.result == std::to_string(kSelfTestExitCode);
  });
  if (actions.tcp4.error == 0)
    look("tcp", "a connection to itself", [&](const Record& r) {
      return is_flow(r, actions.tcp4.client_cookie) && r.process &&
             r.process->pid == actions.actor_pid;
    });
  if (actions.udp4.error == 0)
    look("udp", "datagrams to itself", [&](const Record& r) {
      return is_flow(r, actions.udp4.client_cookie) && r.process &&
             r.process->pid == actions.actor_pid;
    });
  if (actions.map_error == 0)
    look("module", "an executable mapping", [&](const Record& r) {
      return is_of(r, Kind::Module, actions.actor_pid) && r.name == actions.mapped_file;
    });
  return proofs;
}

void check_sensors(Pipeline& pipeline, std::vector<SensorState>& sensors) {
  constexpr auto kStep = std::chrono::milliseconds(50);
  constexpr int kSteps = 60;
  pipeline.watch(true);
  const auto actions = perform_self_test({"/proc/self/exe", kSelfTestArgument});
  std::vector<SensorProof> proofs;
  for (int step = 0; actions && step < kSteps; ++step) {
    proofs = find_proofs(*actions, pipeline.watched());
    if (std::ranges::all_of(proofs, &SensorProof::was_seen)) break;
    std::this_thread::sleep_for(kStep);
  }
  pipeline.watch(false);
  for (const SensorProof& proof : proofs) {
    const auto sensor = std::ranges::find(sensors, proof.sensor, &SensorState::name);
    if (sensor == sensors.end() || (sensor->state != "ok" && sensor->state != "degraded")) continue;
    if (!proof.was_seen) {
      sensor->state = "failed";
      sensor->detail = fmt::format("did not report {} of our own", proof.action);
    }
    Record record;
    record.kind = Kind::Sensor;
    record.name = sensor->name;
    record.result = sensor->state;
    record.via = sensor->hook;
    record.extra.emplace_back(
        "self_test", fmt::format("{}: {}", proof.action, proof.was_seen ? "seen" : "NOT seen"));
    pipeline.add_record(std::move(record));
  }
}

}  // namespace alibi::recorder
