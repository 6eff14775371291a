#pragma once
// What a record can be found by. THE definition of the keys that Hints name
// (log_reader.hpp): the filters are built from it and answers are checked by it.

#include <array>
#include <string>
#include <string_view>

#include "event/record.hpp"

namespace alibi::store {

[[nodiscard]] bool is_life_kind(event::Kind kind);

/// A host name as it is compared: lower case, without the dot at its end.
[[nodiscard]] std::string plain_name(std::string_view name);

/// Path of a file, which is found byte for byte; other names as plain_name().
[[nodiscard]] inline bool is_path(std::string_view name) { return name.contains('/'); }

/// Calls `visit` with each process named in `value`: runs of digits around an @,
/// as the extra pairs creator, users, holders and target list them.
template <typename Visit>
void for_each_process_in(std::string_view value, Visit&& visit) {
  constexpr std::string_view kForm = "0123456789@";
  std::size_t begin = value.find_first_of(kForm);
  while (begin != std::string_view::npos) {
    const std::size_t end = value.find_first_not_of(kForm, begin);
    const auto token = value.substr(begin, end - begin);
    if (event::parse_process_key(token)) visit(token);
    begin = value.find_first_of(kForm, end);
  }
}

/// Calls `visit(prefix, value)` for each key of `record`; a key is prefix + value.
template <typename Visit>
void for_each_key(const event::Record& record, Visit&& visit) {
  visit("kind:", to_text(record.kind));
  for (const auto* endpoint : {&record.local, &record.remote}) {
    if (!*endpoint) continue;
    visit("addr:", to_text((*endpoint)->address));
    if ((*endpoint)->port) visit("end:", to_text(**endpoint));
  }
  if (is_path(record.name))
    visit("name:", record.name);
  else if (!record.name.empty())
    visit("name:", plain_name(record.name));
  if (record.process) {
    const std::string process = to_text(*record.process);
    visit("proc:", process);
    visit("pid:", std::string_view(process).substr(0, process.find('@')));
    if (is_life_kind(record.kind)) visit("life:", process);
  }
  if (record.parent && is_life_kind(record.kind)) visit("proc:", to_text(*record.parent));
  for (const char* key : {"creator", "users", "holders", "target"}) {
    for_each_process_in(record.find_extra(key),
                        [&](std::string_view process) { visit("proc:", process); });
  }
  if (!record.exe.empty()) {
    const std::string_view exe = record.exe;
    visit("exe:", exe);
    visit("base:", exe.substr(exe.rfind('/') + 1));
  }
}

}  // namespace alibi::store
