// Text of `alibi who`. Flows of one process are one paragraph, however many.

#include <fmt/format.h>

#include <algorithm>

#include "report/text.hpp"

namespace alibi::report {
namespace {

using event::Direction;
using event::Grade;
using query::FlowAnswer;

constexpr std::size_t kListedFlows = 12;

using Group = std::vector<const FlowAnswer*>;

bool is_same_actor(const FlowAnswer& a, const FlowAnswer& b) {
  if (!a.process || !b.process) return false;
  return a.flow.boot_id == b.flow.boot_id && a.process->key == b.process->key &&
         a.process->exe == b.process->exe && a.flow.direction == b.flow.direction &&
         a.flow.grade == b.flow.grade && a.flow.via == b.flow.via &&
         a.holders.size() == b.holders.size();
}

std::vector<Group> group_flows(const std::vector<FlowAnswer>& flows) {
  std::vector<Group> groups;
  for (const FlowAnswer& flow : flows) {
    const auto same = std::ranges::find_if(
        groups, [&](const Group& g) { return is_same_actor(*g.front(), flow); });
    if (same == groups.end()) {
      groups.push_back({&flow});
    } else {
      same->push_back(&flow);
    }
  }
  return groups;
}

std::string end_text(const std::optional<event::Endpoint>& end) {
  return end ? to_text(*end) : "an unknown address";
}

bool never_connected(const query::Flow& flow) {
  return flow.state == "refused" || flow.state == "timeout" || flow.state == "unreachable" ||
         flow.state == "connecting";
}

std::string deed_of(const query::Flow& flow) {
  const std::string remote = end_text(flow.remote);
  const std::string on = flow.local ? " on " + to_text(*flow.local) : "";
  if (flow.proto == "tcp") {
    if (flow.direction == Direction::In)
      return fmt::format("accepted a connection from {}{}", remote, on);
    if (flow.direction == Direction::Out && never_connected(flow))
      return "tried to connect to " + remote;
    if (flow.direction == Direction::Out) return "connected to " + remote;
    return fmt::format("had a connection with {}{}", remote, on);
  }
  const std::string proto = printable(flow.proto);
  if (flow.direction == Direction::In) return fmt::format("was sent {} by {}{}", proto, remote, on);
  if (flow.direction == Direction::Out) return fmt::format("sent {} to {}", proto, remote);
  return fmt::format("exchanged {} with {}{}", proto, remote, on);
}

std::string actor_of(const FlowAnswer& answer) {
  if (!answer.process) return "A process that cannot be named";
  const query::Process& process = *answer.process;
  const std::string exe =
      process.exe.empty() ? "A process whose program is not known" : printable(process.exe);
  if (process.user.empty()) return fmt::format("{} (pid {})", exe, process.key.pid);
  return fmt::format("{} (pid {}, user {})", exe, process.key.pid, printable(process.user));
}

Ink ink_of(const query::Flow& flow) { return never_connected(flow) ? Ink::Warn : Ink::Good; }

std::string headline(const Group& group, const Style& style) {
  const FlowAnswer& first = *group.front();
  const std::string actor = style.paint(first.process ? Ink::Strong : Ink::Warn, actor_of(first));
  if (group.size() == 1) {
    return fmt::format(
        "{} {} at {} - {}\n", actor, deed_of(first.flow), date_time(first.flow.start, style.zone),
        style.paint(ink_of(first.flow),
                    first.flow.state.empty() ? "state not known" : printable(first.flow.state)));
  }
  const bool is_same_end = std::ranges::all_of(group, [&](const FlowAnswer* f) {
    return f->flow.remote == first.flow.remote && deed_of(f->flow) == deed_of(first.flow);
  });
  const std::string deed = is_same_end ? deed_of(first.flow) : "had these conversations";
  return fmt::format("{} {}, {} times from {} to {}\n", actor, deed, group.size(),
                     date_time(first.flow.start, style.zone),
                     date_time(group.back()->flow.start, style.zone));
}

void add_fact(std::string& out, const Style& style, std::string_view label,
              std::string_view value) {
  if (!value.empty())
    out += fmt::format("  {}  {}\n", style.paint(Ink::Dim, fmt::format("{:<10}", label)), value);
}

void add_program(std::string& out, const Style& style, const query::Process& process) {
  add_fact(out, style, "command", command_of(process.args));
  add_fact(out, style, "directory", printable(process.cwd));
  add_fact(out, style, "container", printable(process.container));
  add_fact(out, style, "sha256", process.sha256);
  const std::string version = process.package_version.empty() ? "" : " " + process.package_version;
  if (!process.package.empty())
    add_fact(out, style, "package", printable(process.package + version));
  if (process.package.empty() && !process.sha256.empty())
    add_fact(out, style, "package", "none owns this file");
  add_fact(out, style, "notice", printable(process.flags));
}

void add_flows(std::string& out, const Style& style, const Group& group) {
  const query::Flow& first = group.front()->flow;
  if (!first.name.empty()) add_fact(out, style, "name", printable(first.name));
  if (group.size() == 1) {
    add_fact(out, style, "flow", ends_of(first));
    add_fact(out, style, "", outcome_of(first));
    add_fact(out, style, "",
             style.paint(Ink::Dim,
                         fmt::format("{}  {}", printable(first.id), group.front()->community_id)));
    return;
  }
  for (std::size_t i = 0; i < group.size() && i < kListedFlows; ++i) {
    const query::Flow& flow = group[i]->flow;
    add_fact(out, style, i == 0 ? "flows" : "",
             fmt::format("{}  {}", style.paint(Ink::Dim, time_of_day(flow.start, style.zone)),
                         ends_of(flow)));
    add_fact(out, style, "", fmt::format("{:14}{}", "", outcome_of(flow)));
  }
  if (group.size() > kListedFlows) {
    add_fact(out, style, "",
             fmt::format("… and {} more; --json lists all", group.size() - kListedFlows));
  }
}

std::string chain_line(const query::Process& process, std::size_t depth, const Style& style) {
  const std::string branch = depth == 0 ? "" : fmt::format("{:{}}└─ ", "", 3 * (depth - 1));
  const std::string command = cut(command_of(process.args), style.command_columns);
  const std::string line = fmt::format("    {}{}  {}", style.paint(Ink::Dim, branch),
                                       label_of(process), style.paint(Ink::Dim, command));
  return line_of(line, style.columns);
}

bool is_same_family(const std::vector<query::Process>& a, const std::vector<query::Process>& b) {
  return std::ranges::equal(a, b, [](const query::Process& one, const query::Process& other) {
    return one.key == other.key && one.boot_id == other.boot_id && one.exe == other.exe;
  });
}

/// `told` is whose ancestors were printed last; the same again are not repeated.
void add_chain(std::string& out, const Style& style, const query::Process& process,
               const std::vector<query::Process>& ancestors,
               const std::vector<query::Process>*& told) {
  if (ancestors.empty()) {
    add_fact(out, style, "started by", "not in the log");
    return;
  }
  if (told && is_same_family(*told, ancestors)) {
    add_fact(out, style, "started by", label_of(ancestors.front()) + ", as above");
    return;
  }
  told = &ancestors;
  out += fmt::format("  {}\n", style.paint(Ink::Dim, "started by"));
  for (std::size_t i = ancestors.size(); i-- > 0;)
    out += chain_line(ancestors[i], ancestors.size() - 1 - i, style);
  out += chain_line(process, ancestors.size(), style);
}

struct Reason {
  std::string_view via;
  std::string_view words;
};

/// What the recorder writes into `via`, in words (docs/attribution.md).
constexpr Reason kReasons[] = {
    {"io", "it was seen sending or receiving on this socket"},
    {"send", "it was seen sending on this socket"},
    {"connect", "it was seen asking for this connection"},
    {"listener", "it listened here; nobody was seen reading or writing"},
    {"only_holder", "no other process had the socket open"},
    {"only_user", "no other process was seen using the socket"},
    {"socket_creator", "it made the socket"},
    {"snapshot_holder", "it had the socket open when recording began"},
    {"several_holders", "several processes had the socket open, none was seen using it"},
    {"io_by_several", "several processes sent or received on this socket"},
    {"several_users", "several processes used the socket"},
    {"send_by_several", "several processes sent on this socket"},
    {"socket_older_than_recorder", "the socket was made before recording began"},
};

std::string_view grade_reason(const FlowAnswer& answer) {
  const auto known = std::ranges::find(kReasons, answer.flow.via, &Reason::via);
  if (known != std::end(kReasons)) return known->words;
  switch (answer.flow.grade) {
    case Grade::Proven: return "the kernel saw this process do it";
    case Grade::Likely: return "concluded, not seen; there is one candidate";
    case Grade::Ambiguous: return "several processes used this socket; each is listed";
    case Grade::None:
    case Grade::Unknown: break;
  }
  return "nothing in the log says who";
}

void add_grade(std::string& out, const Style& style, const FlowAnswer& answer) {
  const Grade grade = answer.flow.grade;
  const Ink ink = grade == Grade::Proven   ? Ink::Good
                  : grade == Grade::Likely ? Ink::Accent
                                           : Ink::Warn;
  const std::string via =
      answer.flow.via.empty() ? "" : fmt::format(" ({})", printable(answer.flow.via));
  add_fact(out, style, "certainty",
           fmt::format("{}: {}{}", style.paint(ink, to_text(grade)), grade_reason(answer), via));
}

std::string role_of(const query::Holder& holder) {
  std::string role;
  const auto add = [&](bool is_so, std::string_view word) {
    if (is_so) role += (role.empty() ? "" : ", ") + std::string(word);
  };
  add(holder.is_creator, "made the socket");
  add(holder.is_user, holder.how.empty() ? "used it" : "used it (" + printable(holder.how) + ")");
  add(holder.is_holder && !holder.is_user, "had it open");
  if (holder.bytes_out || holder.bytes_in) {
    add(true, fmt::format("{} out, {} in", bytes_text(holder.bytes_out.value_or(0)),
                          bytes_text(holder.bytes_in.value_or(0))));
  }
  return role;
}

void add_holders(std::string& out, const Style& style, const FlowAnswer& answer) {
  const bool has_one = answer.holders.size() == 1 && answer.process &&
                       answer.holders.front().holder.key == answer.process->key;
  if (answer.holders.empty() || has_one) return;
  out += fmt::format("  {}\n", style.paint(Ink::Dim, "socket of"));
  for (const query::HolderAnswer& one : answer.holders) {
    out += fmt::format("    {}: {}\n", label_of(one.process), role_of(one.holder));
  }
}

std::string group_text(const Group& group, const Style& style,
                       const std::vector<query::Process>*& told) {
  const FlowAnswer& first = *group.front();
  std::string out = headline(group, style);
  if (first.process) add_program(out, style, *first.process);
  add_flows(out, style, group);
  add_grade(out, style, first);
  if (first.process) add_chain(out, style, *first.process, first.ancestors, told);
  add_holders(out, style, first);
  return out;
}

std::string name_text(const query::NameAnswer& answer, const Style& style,
                      const std::vector<query::Process>*& told) {
  const std::string who = actor_of({.process = answer.process});
  const std::string times =
      answer.times == 1 ? "" : fmt::format(" ({} times in all)", answer.times);
  std::string out =
      fmt::format("{} asked for {} at {}{} - no connection made for it is in the log\n",
                  style.paint(Ink::Strong, who), printable(answer.question.name),
                  date_time(answer.question.time, style.zone), times);
  if (!answer.process) return out;
  add_program(out, style, *answer.process);
  add_chain(out, style, *answer.process, answer.ancestors, told);
  return out;
}

}  // namespace

std::string to_text(const query::WhoAnswer& answer, const Style& style) {
  std::string out;
  const std::vector<query::Process>* told = nullptr;
  for (const Group& group : group_flows(answer.flows))
    out += (out.empty() ? "" : "\n") + group_text(group, style, told);
  for (const query::NameAnswer& name : answer.names)
    out += (out.empty() ? "" : "\n") + name_text(name, style, told);
  return out;
}

}  // namespace alibi::report
