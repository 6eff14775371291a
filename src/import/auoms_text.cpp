#include "import/auoms_text.hpp"

#include <array>
#include <string>

namespace alibi::import {
namespace {

std::string_view unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    return value.substr(1, value.size() - 2);
  return value;
}

/// Values hold blanks and quotes that are not escaped, so a value goes on until
/// the name of a field that is known to follow it.
std::string_view value_between(std::string_view text, std::string_view name,
                               std::string_view next) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + name.size());
  return unquoted(text.substr(0, text.find(next)));
}

struct Field {
  const char* name;    ///< as it is called here
  const char* before;  ///< with the blank and the equals sign
  const char* after;
};

constexpr std::array kFields = {
    Field{"success", " success=", " "},
    Field{"ppid", " ppid=", " "},
    Field{"pid", " pid=", " "},
    Field{"user", " user=", " "},
    Field{"exe", " exe=", " key="},
    Field{"cwd", " cwd=", " name="},
    Field{"cmdline", " cmdline=", " redactors="},
};

}  // namespace

Result<ForeignEvent> parse_auoms(std::string_view message) {
  constexpr std::string_view kType = "type=AUOMS_EXECVE ";
  constexpr std::string_view kStamp = "audit(";
  if (!message.starts_with("type=AUOMS_")) return fail(Errc::Corrupt, "the message is no event");
  ForeignEvent event{.provider = Provider::Auoms};
  if (!message.starts_with(kType)) return event;
  const auto stamp = message.substr(kType.size());
  const auto colon = stamp.find(':');
  const auto close = stamp.find("):");
  if (!stamp.starts_with(kStamp) || colon == std::string_view::npos ||
      close == std::string_view::npos || close < colon)
    return fail(Errc::Corrupt, "the audit record has no time");
  event.id = 1;
  event.logged = stamp.substr(kStamp.size(), colon - kStamp.size());
  event.record = stamp.substr(colon + 1, close - colon - 1);
  const auto fields = stamp.substr(close);
  event.host = value_between(fields, " node=", " ");
  for (const Field& field : kFields) {
    const auto value = value_between(fields, field.before, field.after);
    if (!value.empty()) event.fields.emplace_back(field.name, value);
  }
  return event;
}

}  // namespace alibi::import
