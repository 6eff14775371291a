#include "query/filter.hpp"

#include <algorithm>
#include <string_view>

#include "store/record_keys.hpp"

namespace alibi::query {
namespace {

using event::Endpoint;
using event::Record;
using store::plain_name;

bool exe_matches(std::string_view exe, std::string_view asked) {
  if (asked.contains('/')) return exe == asked;
  return exe.substr(exe.rfind('/') + 1) == asked;
}

bool any_side(const Record& record, auto&& condition) {
  return (record.local && condition(*record.local)) || (record.remote && condition(*record.remote));
}

bool process_matches(const Filter& filter, const Record& record) {
  if (filter.pid && (!record.process || record.process->pid != *filter.pid)) return false;
  if (filter.process && record.process != filter.process) return false;
  return filter.exe.empty() || exe_matches(record.exe, filter.exe);
}

/// A name that begins with a dot asks for the names under it.
bool name_matches(const std::string& name, const std::string& asked) {
  if (store::is_path(asked)) return name == asked;
  const std::string plain = plain_name(name);
  const std::string wanted = plain_name(asked);
  if (wanted.starts_with('.')) return plain.ends_with(wanted) || plain == wanted.substr(1);
  return plain == wanted;
}

}  // namespace

bool matches(const Filter& filter, const Record& record) {
  if (filter.from && record.time < *filter.from) return false;
  if (filter.to && record.time > *filter.to) return false;
  const auto& kinds = filter.kinds;
  if (!kinds.empty() && std::ranges::find(kinds, record.kind) == kinds.end()) return false;
  if (!process_matches(filter, record)) return false;
  if (filter.address &&
      !any_side(record, [&](const Endpoint& e) { return e.address == *filter.address; }))
    return false;
  if (filter.port && !any_side(record, [&](const Endpoint& e) { return e.port == filter.port; }))
    return false;
  return filter.name.empty() || name_matches(record.name, filter.name);
}

store::Hints hints_of(const Filter& filter) {
  store::Hints hints{.from = filter.from, .to = filter.to};
  auto& keys = hints.all_of;
  if (filter.kinds.size() == 1)
    keys.push_back("kind:" + std::string(to_text(filter.kinds.front())));
  if (filter.pid) keys.push_back("pid:" + std::to_string(*filter.pid));
  if (filter.process) keys.push_back("proc:" + to_text(*filter.process));
  if (!filter.exe.empty())
    keys.push_back((filter.exe.contains('/') ? "exe:" : "base:") + filter.exe);
  if (filter.address) keys.push_back("addr:" + to_text(*filter.address));
  if (store::is_path(filter.name))
    keys.push_back("name:" + filter.name);
  else if (!filter.name.empty() && !filter.name.starts_with('.'))
    keys.push_back("name:" + plain_name(filter.name));
  return hints;
}

}  // namespace alibi::query
