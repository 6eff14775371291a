#include "import/json_event.hpp"

#include <initializer_list>
#include <nlohmann/json.hpp>

#include "event/number.hpp"
#include "import/auoms_text.hpp"
#include "import/event_xml.hpp"

namespace alibi::import {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return {};
}

/// The first of these members that has a text.
std::string first_text(const Json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = object.find(name);
    if (found == object.end()) continue;
    if (std::string text = text_of(*found); !text.empty()) return text;
  }
  return {};
}

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? &*found : nullptr;
}

void add_fields(ForeignEvent& event, const Json& object) {
  for (const auto& [name, value] : object.items()) {
    if (std::string text = text_of(value); !text.empty())
      event.fields.emplace_back(name, std::move(text));
  }
}

std::uint32_t number_of(const std::string& text) {
  return event::parse_number<std::uint32_t>(text).value_or(0);
}

/// Head and fields beside each other, or the fields in a member of their own.
ForeignEvent from_flat(const Json& object, const Json& fields) {
  ForeignEvent event;
  event.provider = provider_of(
      first_text(object, {"SourceName", "source_name", "provider_name", "Provider", "Source"}));
  event.id = number_of(first_text(object, {"EventID", "event_id", "EventId"}));
  event.host =
      first_text(object, {"Hostname", "computer_name", "Computer", "HostName", "MachineName"});
  event.record =
      first_text(object, {"RecordNumber", "record_id", "EventRecordID", "record_number"});
  event.logged = first_text(object, {"EventTime", "TimeCreated"});
  event.collected = first_text(object, {"@timestamp", "TimeGenerated"});
  add_fields(event, fields);
  return event;
}

/// {"Event":{"System":{...},"EventData":{...}}}, attributes in "#attributes".
ForeignEvent from_dump(const Json& object) {
  ForeignEvent event;
  const auto attribute = [](const Json* element, const char* name) {
    const Json* attributes = element ? member(*element, "#attributes") : nullptr;
    return attributes ? first_text(*attributes, {name}) : std::string();
  };
  if (const Json* system = member(object, "System")) {
    event.provider = provider_of(attribute(member(*system, "Provider"), "Name"));
    const Json* id = member(*system, "EventID");
    event.id = number_of(id ? first_text(*id, {"#text"}) : first_text(*system, {"EventID"}));
    event.host = first_text(*system, {"Computer"});
    event.record = first_text(*system, {"EventRecordID"});
    event.logged = attribute(member(*system, "TimeCreated"), "SystemTime");
  }
  if (const Json* data = member(object, "EventData")) add_fields(event, *data);
  return event;
}

/// Sysmon for Linux writes "&lt unknown process&gt ": blanks for semicolons.
std::string repaired(std::string_view xml) {
  std::string text(xml);
  for (const char* wrong : {"&lt ", "&gt ", "&amp "}) {
    const std::string_view what(wrong);
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
      text[at + what.size() - 1] = ';';
  }
  return text;
}

Result<ForeignEvent> from_syslog(const Json& object, std::string_view message) {
  const auto begin = message.find("<Event>");
  Result<ForeignEvent> event = begin != std::string_view::npos
                                   ? parse_event_xml(repaired(message.substr(begin)))
                                   : parse_auoms(message);
  if (!event) return event;
  if (event->host.empty()) event->host = first_text(object, {"HostName", "Computer", "Hostname"});
  if (event->collected.empty()) event->collected = first_text(object, {"TimeGenerated"});
  return event;
}

Result<ForeignEvent> from_object(const Json& object) {
  if (std::string message = first_text(object, {"SyslogMessage"}); !message.empty())
    return from_syslog(object, message);
  if (const Json* dump = member(object, "Event")) return from_dump(*dump);
  const Json* head = member(object, "winlog");
  if (!head) head = &object;
  for (const char* name : {"event_data", "EventData"}) {
    if (const Json* data = member(*head, name)) {
      ForeignEvent event = from_flat(*head, *data);
      if (event.collected.empty()) event.collected = first_text(object, {"@timestamp"});
      return event;
    }
  }
  if (const std::string text = first_text(*head, {"EventData"}); text.starts_with('{')) {
    const Json data = Json::parse(text, nullptr, false);
    if (!data.is_object()) return fail(Errc::Corrupt, "EventData is no JSON");
    return from_flat(*head, data);
  }
  return from_flat(*head, *head);
}

}  // namespace

Result<ForeignEvent> parse_json_event(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return fail(Errc::Corrupt, "the line is no JSON object");
  auto event = from_object(json);
  if (!event) return event;
  if (event->provider == Provider::Other && event->id == 0)
    return fail(Errc::Corrupt, "the line has no EventID");
  return event;
}

}  // namespace alibi::import
