#include "import/event_xml.hpp"

#include <expat.h>

#include <memory>
#include <string>

#include "event/number.hpp"

namespace alibi::import {
namespace {

constexpr int kDeepest = 32;

struct State {
  XML_Parser parser = nullptr;
  ForeignEvent event;
  std::string text;     ///< of the innermost element
  std::string in_data;  ///< name of the Data element we are in
  int depth = 0;
  bool is_event = false;
};

std::string_view attribute(const XML_Char** attributes, std::string_view name) {
  for (; *attributes; attributes += 2) {
    if (attributes[0] == name) return attributes[1];
  }
  return {};
}

void XMLCALL on_start(void* user, const XML_Char* name, const XML_Char** attributes) {
  auto& state = *static_cast<State*>(user);
  if (++state.depth > kDeepest) {
    XML_StopParser(state.parser, XML_FALSE);
    return;
  }
  const std::string_view element(name);
  state.text.clear();
  if (state.depth == 1) state.is_event = element == "Event";
  if (element == "Provider") state.event.provider = provider_of(attribute(attributes, "Name"));
  if (element == "TimeCreated") state.event.logged = attribute(attributes, "SystemTime");
  if (element == "Data") state.in_data = attribute(attributes, "Name");
}

void XMLCALL on_end(void* user, const XML_Char* name) {
  auto& state = *static_cast<State*>(user);
  --state.depth;
  const std::string_view element(name);
  if (element == "EventID")
    state.event.id = event::parse_number<std::uint32_t>(state.text).value_or(0);
  else if (element == "Computer")
    state.event.host = state.text;
  else if (element == "EventRecordID")
    state.event.record = state.text;
  else if (element == "Data" && !state.in_data.empty())
    state.event.fields.emplace_back(std::move(state.in_data), std::move(state.text));
  state.in_data.clear();
  state.text.clear();
}

void XMLCALL on_text(void* user, const XML_Char* text, int length) {
  static_cast<State*>(user)->text.append(text, static_cast<std::size_t>(length));
}

/// Events have no document type; one could only be there to harm the parser.
void XMLCALL on_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  XML_StopParser(static_cast<State*>(user)->parser, XML_FALSE);
}

}  // namespace

Result<ForeignEvent> parse_event_xml(std::string_view xml) {
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(
      XML_ParserCreate("UTF-8"), &XML_ParserFree);
  if (!parser) return fail(Errc::Internal, "no XML parser");
  if (xml.size() > static_cast<std::size_t>(INT32_MAX))
    return fail(Errc::Corrupt, "the event is too large");
  State state{.parser = parser.get()};
  XML_SetUserData(parser.get(), &state);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
  if (XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), XML_TRUE) !=
      XML_STATUS_OK) {
    const XML_Error error = XML_GetErrorCode(parser.get());
    state.event.is_cut = error == XML_ERROR_NO_ELEMENTS || error == XML_ERROR_UNCLOSED_TOKEN;
    if (!state.event.is_cut) return fail(Errc::Corrupt, "the event is no well-formed XML");
  }
  if (!state.is_event || state.event.id == 0)
    return fail(Errc::Corrupt, "the XML is no event with an EventID");
  return std::move(state.event);
}

}  // namespace alibi::import
