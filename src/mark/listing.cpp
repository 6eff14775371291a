// The listing as JSON: what `alibi mark list --json` prints and what the socket
// answers.

#include <nlohmann/json.hpp>

#include "event/record.hpp"
#include "mark/sender.hpp"

namespace alibi::mark {
namespace {

using Json = nlohmann::ordered_json;

struct CounterName {
  const char* name;
  __u64 alibi_mark_counters::*counter;
};

constexpr CounterName kCounters[] = {
    {"by_socket", &alibi_mark_counters::by_socket},
    {"by_guard", &alibi_mark_counters::by_guard},
    {"sack_trimmed", &alibi_mark_counters::sack_trimmed},
    {"datagrams", &alibi_mark_counters::datagrams},
    {"tags_renewed", &alibi_mark_counters::tags_renewed},
    {"foreign_marks", &alibi_mark_counters::foreign_marks},
    {"left_to_guard", &alibi_mark_counters::socket_no_room},
    {"unmarked_no_room", &alibi_mark_counters::no_room},
    {"unmarked_over_mtu", &alibi_mark_counters::over_mtu},
    {"unmarked_segmented_later", &alibi_mark_counters::segmented_later},
    {"unmarked_fragments", &alibi_mark_counters::fragments},
    {"unmarked_no_checksum", &alibi_mark_counters::no_checksum},
    {"unmarked_surplus_used", &alibi_mark_counters::surplus_used},
    {"unmarked_other_protocols", &alibi_mark_counters::other_protocols},
    {"unmarked_failed", &alibi_mark_counters::failed},
    {"existing_sockets", &alibi_mark_counters::existing_marked},
    {"existing_sockets_failed", &alibi_mark_counters::existing_failed},
};

Json diagnosis_json(const ListedDiagnosis& diagnosis, const event::DiagnosisNames& names) {
  const auto meaning = names.meaning(diagnosis.category, diagnosis.code);
  const WallNs time{std::int64_t{diagnosis.time_s} * 1'000'000'000};
  return {{"category", diagnosis.category},
          {"code", diagnosis.code},
          {"name", names.text(diagnosis.category, diagnosis.code)},
          {"meaning", meaning.empty() ? Json(nullptr) : Json(meaning)},
          {"time_s", diagnosis.time_s},
          {"time", event::to_text(time)},
          {"end", diagnosis.end ? Json(event::to_text(*diagnosis.end)) : Json(nullptr)}};
}

ListedDiagnosis diagnosis_of(const Json& json) {
  ListedDiagnosis diagnosis{json.at("category"), json.at("code"), json.at("time_s"), {}};
  if (!json.at("end").is_null())
    diagnosis.end = event::parse_time(json.at("end").get<std::string>());
  return diagnosis;
}

}  // namespace

std::string to_json(const Listing& listing, const event::DiagnosisNames& names) {
  Json json = {{"on", listing.is_on},
               {"version", listing.version},
               {"key", listing.version == 2 ? Json(listing.key_number) : Json(nullptr)},
               {"diagnoses", Json::array()},
               {"guarded_devices", listing.guarded_devices},
               {"packets", Json::object()}};
  for (const ListedDiagnosis& diagnosis : listing.diagnoses)
    json["diagnoses"].push_back(diagnosis_json(diagnosis, names));
  for (const auto& [name, counter] : kCounters)
    json["packets"][name] = listing.counters.*counter;
  return json.dump();
}

Result<Listing> parse_listing(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    Listing listing;
    listing.is_on = json.at("on");
    listing.version = json.at("version");
    if (!json.at("key").is_null()) listing.key_number = json.at("key");
    for (const Json& diagnosis : json.at("diagnoses"))
      listing.diagnoses.push_back(diagnosis_of(diagnosis));
    listing.guarded_devices = json.at("guarded_devices");
    for (const auto& [name, counter] : kCounters)
      listing.counters.*counter = json.at("packets").at(name).get<std::uint64_t>();
    return listing;
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::Corrupt, std::string("the answer is not understood: ") + error.what());
  }
}

}  // namespace alibi::mark
