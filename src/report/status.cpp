#include "report/status.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace alibi::report {
namespace {

using Json = nlohmann::ordered_json;

/// Wrong types count as missing: the file is ours, and status must not fail on
/// a field it does not understand.
template <typename T>
T value_of(const Json& json, const char* key, T fallback) {
  const auto found = json.find(key);
  if (found == json.end()) return fallback;
  if constexpr (std::is_same_v<T, std::string>)
    return found->is_string() ? found->template get<T>() : fallback;
  else if constexpr (std::is_same_v<T, bool>)
    return found->is_boolean() ? found->template get<T>() : fallback;
  else
    return found->is_number_unsigned() ? found->template get<T>() : fallback;
}

Json object_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_object() ? *found : Json::object();
}

std::vector<SensorLine> sensors_of(const Json& json) {
  std::vector<SensorLine> sensors;
  const auto list = json.find("sensors");
  if (list == json.end() || !list->is_array()) return sensors;
  for (const Json& one : *list) {
    if (!one.is_object()) continue;
    sensors.push_back(
        {value_of<std::string>(one, "name", ""), value_of<std::string>(one, "state", ""),
         value_of<std::string>(one, "hook", ""), value_of<std::string>(one, "detail", "")});
  }
  return sensors;
}

std::vector<TlsLibraryLine> tls_libraries_of(const Json& tls) {
  std::vector<TlsLibraryLine> libraries;
  const auto list = tls.find("libraries");
  if (list == tls.end() || !list->is_array()) return libraries;
  for (const Json& one : *list) {
    if (!one.is_object()) continue;
    libraries.push_back(
        {value_of<std::string>(one, "path", ""), value_of<std::string>(one, "tls", ""),
         value_of<std::string>(one, "state", ""), value_of<std::string>(one, "detail", "")});
  }
  return libraries;
}

Ink ink_of(const std::string& state) {
  if (state == "ok") return Ink::Good;
  return state == "failed" ? Ink::Bad : Ink::Warn;
}

std::string losses_text(const RecorderStatus& status, const Style& style) {
  if (status.lost == 0) return style.paint(Ink::Good, "nothing");
  std::string text = style.paint(Ink::Bad, count_text(status.lost, "event"));
  for (const auto& [reason, count] : status.lost_by_reason)
    text += fmt::format(", {} {}", count, printable(reason));
  return text;
}

std::string disk_text(const RecorderStatus& status, const Style& style) {
  std::string text = bytes_text(status.disk_bytes);
  if (status.disk_budget != 0) text += fmt::format(" of {}", bytes_text(status.disk_budget));
  if (!status.disk_fault.empty())
    text += ", " + style.paint(Ink::Bad, "refusing: " + printable(status.disk_fault));
  return text;
}

std::string packets_text(const RecorderStatus& status, const Style& style) {
  if (!status.packets) return "not recorded";
  const PacketStatus& packets = *status.packets;
  constexpr std::uint64_t kWhole = 65'535;
  std::string text = std::to_string(packets.packets);
  text += packets.payload_bytes == 0 ? ", headers only"
          : packets.payload_bytes >= kWhole
              ? ", whole"
              : fmt::format(", {} of payload", bytes_text(packets.payload_bytes));
  if (packets.budget != 0) text += fmt::format(", up to {}", bytes_text(packets.budget));
  if (!packets.fault.empty())
    text += ", " + style.paint(Ink::Bad, "refused: " + printable(packets.fault));
  return text;
}

std::string tls_lines(const RecorderStatus& status, const Style& style) {
  if (!status.tls_requests) return "off";
  std::string out = style.paint(Ink::Warn, "on: heads of requests inside TLS are recorded");
  for (const TlsLibraryLine& library : status.tls_libraries) {
    const std::string detail = library.detail.empty() ? "" : "  " + printable(library.detail);
    out += fmt::format("\n           {}  {}  {}{}",
                       style.paint(ink_of(library.state), printable(library.state)),
                       printable(library.tls), printable(library.path), detail);
  }
  return out;
}

std::string seal_text(const RecorderStatus& status, const Style& style) {
  if (!status.seal) return "none; see `alibi init`";
  const SealStatus& seal = *status.seal;
  std::string text = fmt::format(
      "{}, {}, epoch {}", printable(seal.origin),
      fmt::format("{} {}", seal.leaves, seal.leaves == 1 ? "leaf" : "leaves"), seal.epoch);
  if (seal.last_event != 0) text += fmt::format(", up to record {}", seal.last_event);
  if (seal.waiting != 0)
    text += fmt::format(", {} waiting for {}", count_text(seal.waiting, "block"),
                        duration_text(static_cast<std::int64_t>(seal.lag_ms) * 1'000'000));
  if (seal.checkpoint_age_ms)
    text +=
        fmt::format(", checkpoint {} old",
                    duration_text(static_cast<std::int64_t>(*seal.checkpoint_age_ms) * 1'000'000));
  if (!seal.fault.empty())
    text += ", " + style.paint(Ink::Bad, "not sealing: " + printable(seal.fault));
  if (!seal.witness.empty())
    text += ", " + style.paint(Ink::Warn, "witnesses: " + printable(seal.witness));
  return text;
}

std::string sensor_lines(const RecorderStatus& status, const Style& style) {
  std::size_t widest = 0;
  for (const SensorLine& sensor : status.sensors)
    widest = std::max(widest, sensor.name.size());
  std::string out;
  for (const SensorLine& sensor : status.sensors) {
    const std::string detail = sensor.detail.empty() ? "" : "  " + printable(sensor.detail);
    const std::string line = fmt::format(
        "  {:<{}}  {}  {}{}", printable(sensor.name), widest,
        style.paint(ink_of(sensor.state), fmt::format("{:<11}", printable(sensor.state))),
        style.paint(Ink::Dim, printable(sensor.hook)), detail);
    out += line_of(line, style.columns);
  }
  return out;
}

}  // namespace

Result<RecorderStatus> parse_status(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    return fail(Errc::Corrupt, "the recorder's state file is not a JSON object");
  const Json lost = object_of(json, "lost");
  const Json disk = object_of(json, "disk");
  RecorderStatus status{.is_recording = value_of(json, "recording", false),
                        .since = value_of<std::string>(json, "since", ""),
                        .version = value_of<std::string>(json, "version", ""),
                        .sensors = sensors_of(json),
                        .records = value_of<std::uint64_t>(json, "records", 0),
                        .lost = value_of<std::uint64_t>(lost, "total", 0),
                        .disk_bytes = value_of<std::uint64_t>(disk, "bytes", 0),
                        .disk_budget = value_of<std::uint64_t>(disk, "budget", 0),
                        .disk_fault = value_of<std::string>(disk, "fault", ""),
                        .original = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
  if (const Json packets = object_of(json, "packets"); value_of(packets, "recording", false))
    status.packets = {.packets = value_of<std::uint64_t>(packets, "packets", 0),
                      .payload_bytes = value_of<std::uint64_t>(packets, "payload_bytes", 0),
                      .budget = value_of<std::uint64_t>(packets, "budget", 0),
                      .fault = value_of<std::string>(packets, "fault", "")};
  const Json tls = object_of(json, "tls_requests");
  status.tls_requests = value_of(tls, "on", false);
  status.tls_libraries = tls_libraries_of(tls);
  if (const Json seal = object_of(json, "seal"); !seal.empty()) {
    status.seal = {.origin = value_of<std::string>(seal, "origin", ""),
                   .leaves = value_of<std::uint64_t>(seal, "leaves", 0),
                   .last_event = value_of<std::uint64_t>(seal, "last_event", 0),
                   .waiting = value_of<std::uint64_t>(seal, "waiting", 0),
                   .lag_ms = value_of<std::uint64_t>(seal, "lag_ms", 0),
                   .epoch = value_of<std::uint64_t>(seal, "epoch", 0),
                   .fault = value_of<std::string>(seal, "fault", ""),
                   .witness = value_of<std::string>(seal, "witness", "")};
    if (seal.contains("checkpoint_age_ms"))
      status.seal->checkpoint_age_ms = value_of<std::uint64_t>(seal, "checkpoint_age_ms", 0);
  }
  const Json reasons = object_of(lost, "by_reason");
  for (const auto& [reason, count] : reasons.items()) {
    if (count.is_number_unsigned()) status.lost_by_reason[reason] = count.get<std::uint64_t>();
  }
  if (const auto pid = value_of<std::uint32_t>(json, "pid", 0); pid != 0) status.pid = pid;
  if (const auto beat = value_of<std::uint64_t>(json, "heartbeat_boot_ns", 0); beat != 0)
    status.heartbeat_boot_ns = beat;
  return status;
}

std::string to_json(const RecorderStatus& status) {
  if (!status.original.empty()) return status.original;
  Json sensors = Json::array();
  for (const SensorLine& sensor : status.sensors) {
    sensors.push_back({{"name", sensor.name}, {"state", sensor.state}, {"hook", sensor.hook}});
    if (!sensor.detail.empty()) sensors.back()["detail"] = sensor.detail;
  }
  Json json = {{"recording", status.is_recording},
               {"since", status.since.empty() ? Json(nullptr) : Json(status.since)},
               {"sensors", std::move(sensors)},
               {"records", status.records},
               {"lost", {{"total", status.lost}, {"by_reason", Json(status.lost_by_reason)}}},
               {"disk", {{"bytes", status.disk_bytes}, {"budget", status.disk_budget}}}};
  if (status.seal)
    json["seal"] = {{"origin", status.seal->origin},
                    {"leaves", status.seal->leaves},
                    {"epoch", status.seal->epoch}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const RecorderStatus& status, const std::string& directory,
                    const Style& style) {
  std::string out;
  if (status.is_recording) {
    out = style.paint(Ink::Strong,
                      "Recording into " + printable(directory) +
                          (status.since.empty() ? "" : " since " + printable(status.since)));
    if (status.pid) out += fmt::format(" (pid {})", *status.pid);
  } else {
    out = style.paint(Ink::Strong, fmt::format("Not recording into {}", printable(directory)));
  }
  out += fmt::format("\n\n  records  {}\n  lost     {}\n  disk     {}\n", status.records,
                     losses_text(status, style), disk_text(status, style));
  if (status.is_recording)
    out += fmt::format("  packets  {}\n  in TLS   {}\n", packets_text(status, style),
                       tls_lines(status, style));
  out += fmt::format("  seal     {}\n", seal_text(status, style));
  if (status.sensors.empty()) return out;
  out += fmt::format("\n{}\n", status.is_recording ? "Sensors:" : "Sensors this kernel offers:");
  return out + sensor_lines(status, style);
}

}  // namespace alibi::report
