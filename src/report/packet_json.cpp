// JSON of `alibi packets`.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "packet/mark.hpp"
#include "query/packet_export.hpp"
#include "report/packet_text.hpp"

namespace alibi::report {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json value_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json text_or_null(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

/// RFC 3339 with all nine digits.
std::string exact_time(WallNs time) {
  std::string text = event::to_text(time);
  return text.insert(text.size() - 1, fmt::format("{:03}", (time.ns % 1000 + 1000) % 1000));
}

Json direction_json(packet::Direction direction) {
  switch (direction) {
    case packet::Direction::In: return "in";
    case packet::Direction::Out: return "out";
    case packet::Direction::Unknown: break;
  }
  return nullptr;
}

Json process_json(const query::LoggedPacket& logged) {
  if (!logged.packet.pid) return nullptr;
  Json json = {
      {"id", nullptr}, {"pid", *logged.packet.pid}, {"tid", value_or_null(logged.packet.tid)}};
  if (!logged.process) return json;
  const packet::ProcessInfo& process = *logged.process;
  json["id"] = text_or_null(query::identity_of(process));
  json["name"] = text_or_null(process.name);
  json["exe"] = text_or_null(process.path);
  json["args"] = process.args;
  json["user"] = text_or_null(process.user);
  json["start"] = process.start_ns
                      ? Json(event::to_text(WallNs{static_cast<std::int64_t>(*process.start_ns)}))
                      : Json(nullptr);
  return json;
}

void add_ends(Json& json, const packet::Headers& headers) {
  json["proto"] = packet::protocol_name(headers.protocol);
  json["src"] = to_text(headers.source);
  json["sport"] = headers.has_ports() ? Json(headers.source_port) : Json(nullptr);
  json["dst"] = to_text(headers.destination);
  json["dport"] = headers.has_ports() ? Json(headers.destination_port) : Json(nullptr);
  json["hop_limit"] = headers.hop_limit;
  json["ip_bytes"] = headers.ip_bytes;
  json["fragment"] = headers.is_fragment;
}

void add_transport(Json& json, const packet::Headers& headers) {
  if (!headers.is_transport_whole) return;
  if (headers.is_tcp()) {
    json["seq"] = headers.tcp_seq;
    json["ack"] = headers.tcp_ack;
    json["flags"] = headers.tcp_flags;
    json["window"] = headers.tcp_window;
  }
  if (headers.is_icmp()) {
    json["icmp_type"] = headers.icmp_type;
    json["icmp_code"] = headers.icmp_code;
  }
  json["payload"] = headers.payload_bytes;
}

Json request_json(const query::Request* request) {
  if (!request) return nullptr;
  Json json = {{"kind", to_text(request->kind)},
               {"name", text_or_null(request->name)},
               {"verb", text_or_null(request->verb)},
               {"result", text_or_null(request->result)}};
  if (request->fields.empty()) return json;
  Json fields = Json::object();
  for (const auto& [key, value] : request->fields)
    fields[key] = value;
  json["fields"] = std::move(fields);
  return json;
}

Json mark_json(const std::optional<packet::Mark>& mark) {
  if (!mark) return nullptr;
  Json diagnoses = Json::array();
  for (const auto& diagnosis : mark->diagnoses)
    diagnoses.push_back(
        {{"category", diagnosis.category}, {"code", diagnosis.code}, {"time_s", diagnosis.time_s}});
  return {{"malformed", mark->is_malformed},
          {"version", mark->is_malformed ? Json(nullptr) : Json(mark->version)},
          {"key", mark->version == 2 ? Json(mark->key) : Json(nullptr)},
          {"diagnoses", std::move(diagnoses)}};
}

}  // namespace

std::string to_json(const PacketView& view) {
  const packet::Packet& packet = view.logged.packet;
  Json json = {{"number", value_or_null(packet.id)},
               {"time", exact_time(packet.time)},
               {"interface", text_or_null(view.logged.interface.name)},
               {"direction", direction_json(packet.direction)},
               {"link", static_cast<unsigned>(packet.link)},
               {"length", packet.original_bytes},
               {"kept", packet.bytes.size()},
               {"dropped", packet.dropped},
               {"ether_type", view.headers.ether_type}};
  if (view.headers.is_ip) {
    add_ends(json, view.headers);
    add_transport(json, view.headers);
  }
  json["process"] = process_json(view.logged);
  json["comment"] = text_or_null(packet.comment);
  json["request"] = request_json(view.request);
  json["mark"] = mark_json(packet::find_mark(view.headers));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace alibi::report
