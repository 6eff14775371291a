#include "query/who.hpp"

#include <algorithm>
#include <map>

#include "query/lives.hpp"
#include "store/record_keys.hpp"

namespace alibi::query {
namespace {

using event::Endpoint;
using event::Record;
using store::BootRecord;
using store::plain_name;
using Go = store::LogReader::Go;

bool side_matches(const std::optional<Endpoint>& side, const Endpoint& asked) {
  return side && side->address == asked.address && (!asked.port || side->port == asked.port);
}

bool has_port(const Record& record, std::uint16_t port) {
  return (record.local && record.local->port == port) ||
         (record.remote && record.remote->port == port);
}

class Matcher {
 public:
  explicit Matcher(const WhoQuestion& question)
      : question_(question), name_(plain_name(question.name)) {}

  [[nodiscard]] store::Hints hints() const {
    if (!question_.endpoint) return {.all_of = {"name:" + name_}};
    const bool has_port = question_.endpoint->port.has_value();
    return {.all_of = {has_port ? "end:" + to_text(*question_.endpoint)
                                : "addr:" + to_text(question_.endpoint->address)}};
  }

  [[nodiscard]] bool matches_name(const Record& record) const {
    return plain_name(record.name) == name_;
  }

  [[nodiscard]] bool matches_flow(const Record& record) const {
    if (!is_flow_kind(record.kind)) return false;
    if (!question_.proto.empty() && record.proto != question_.proto) return false;
    if (question_.endpoint) {
      return side_matches(record.local, *question_.endpoint) ||
             side_matches(record.remote, *question_.endpoint);
    }
    return matches_name(record) && (!question_.port || has_port(record, *question_.port));
  }

 private:
  const WhoQuestion& question_;
  std::string name_;
};

/// How far the flow was from the moment; 0: it was alive then.
std::int64_t distance_ns(const Flow& flow, const Moment& at) {
  if (flow.start > at.last) return flow.start.ns - at.last.ns;
  if (flow.end && *flow.end < at.first) return at.first.ns - flow.end->ns;
  return 0;
}

Result<std::vector<Flow>> find_flows(store::LogReader& reader, const Matcher& matcher) {
  FlowMerger merger;
  const auto done =
      reader.scan(matcher.hints(), store::Order::OldestFirst, [&](const BootRecord& entry) {
        if (matcher.matches_flow(entry.record)) merger.add(entry);
        return Go::On;
      });
  if (!done) return std::unexpected(done.error());
  return merger.take();
}

void keep_alive_at(WhoAnswer& answer, std::vector<Flow>& flows, const Moment& at) {
  if (const auto nearest =
          std::ranges::min_element(flows, {}, [&](const Flow& f) { return distance_ns(f, at); });
      nearest != flows.end() && distance_ns(*nearest, at) > 0) {
    answer.nearest = *nearest;
  }
  std::erase_if(flows, [&](const Flow& flow) { return distance_ns(flow, at) > 0; });
}

Lives::Wanted wanted_of(const Flow& flow, event::ProcessKey key) {
  // Who joined later is shown as it was when it was last seen on the socket.
  const bool began_before = start_of(key) <= flow.start_boot;
  return {flow.boot_id, key, began_before ? flow.start_boot : flow.last_seen_boot, flow.last_seen,
          flow.last_seen.ns - static_cast<std::int64_t>(flow.last_seen_boot.ns)};
}

Process process_of(const Flow& flow, const Lives& lives) {
  const Lives::Wanted wanted = wanted_of(flow, *flow.process);
  Process process =
      lives.find_image(flow.boot_id, *flow.process, wanted.at, flow.last_seen_boot, flow.exe);
  if (process.args.empty()) process.args = flow.args;
  if (process.user.empty()) process.user = flow.user;
  if (!process.parent) process.parent = flow.parent;
  process.start = {static_cast<std::int64_t>(start_of(process.key).ns) + wanted.offset_ns};
  return process;
}

FlowAnswer answer_of(Flow flow, const Lives& lives) {
  FlowAnswer answer{.community_id = community_id_of(flow)};
  if (flow.process) {
    answer.process = process_of(flow, lives);
    answer.ancestors = lives.ancestors(flow.boot_id, *flow.process);
  }
  for (const Holder& holder : flow.holders) {
    const Lives::Wanted wanted = wanted_of(flow, holder.key);
    Process process = lives.find(flow.boot_id, holder.key, wanted.at);
    process.start = {static_cast<std::int64_t>(start_of(holder.key).ns) + wanted.offset_ns};
    answer.holders.push_back({holder, std::move(process)});
  }
  answer.flow = std::move(flow);
  return answer;
}

}  // namespace

Result<std::vector<FlowAnswer>> describe(store::LogReader& reader, std::vector<Flow> flows) {
  Lives lives(reader);
  std::vector<Lives::Wanted> wanted;
  for (const Flow& flow : flows) {
    if (flow.process) wanted.push_back(wanted_of(flow, *flow.process));
    for (const Holder& holder : flow.holders)
      wanted.push_back(wanted_of(flow, holder.key));
  }
  if (auto done = lives.load(wanted); !done) return std::unexpected(done.error());
  std::vector<Process*> processes;
  std::vector<FlowAnswer> answers;
  answers.reserve(flows.size());
  for (Flow& flow : flows)
    answers.push_back(answer_of(std::move(flow), lives));
  for (FlowAnswer& one : answers) {
    if (one.process) processes.push_back(&*one.process);
    for (Process& ancestor : one.ancestors)
      processes.push_back(&ancestor);
    for (HolderAnswer& holder : one.holders)
      processes.push_back(&holder.process);
  }
  if (auto done = lives.fill_images(std::move(processes)); !done)
    return std::unexpected(done.error());
  return answers;
}

namespace {

using Asker = std::pair<std::string, std::optional<event::ProcessKey>>;

Lives::Wanted asker_of(const std::string& boot_id, const Record& record) {
  return {boot_id, *record.process, record.boot, record.time,
          record.time.ns - static_cast<std::int64_t>(record.boot.ns)};
}

Status find_askers(store::LogReader& reader, const Matcher& matcher, const WhoQuestion& question,
                   WhoAnswer& answer) {
  std::map<Asker, std::size_t> known;
  std::vector<std::string> boot_ids;
  auto done = reader.scan(matcher.hints(), store::Order::OldestFirst, [&](const BootRecord& entry) {
    const Record& record = entry.record;
    if (record.kind != event::Kind::DnsQuery || !matcher.matches_name(record)) return Go::On;
    if (question.at && (record.time < question.at->first || record.time > question.at->last))
      return Go::On;
    const auto [place, is_new] =
        known.try_emplace({*entry.boot_id, record.process}, answer.names.size());
    if (!is_new) {
      ++answer.names[place->second].times;
      return Go::On;
    }
    answer.names.push_back({.question = record});
    boot_ids.push_back(*entry.boot_id);
    return Go::On;
  });
  if (!done) return done;
  Lives lives(reader);
  std::vector<Lives::Wanted> wanted;
  for (std::size_t i = 0; i < answer.names.size(); ++i) {
    if (answer.names[i].question.process)
      wanted.push_back(asker_of(boot_ids[i], answer.names[i].question));
  }
  if (done = lives.load(wanted); !done) return done;
  std::vector<Process*> processes;
  for (std::size_t i = 0; i < answer.names.size(); ++i) {
    NameAnswer& one = answer.names[i];
    if (!one.question.process) continue;
    one.process = lives.find(boot_ids[i], *one.question.process, one.question.boot);
    one.ancestors = lives.ancestors(boot_ids[i], *one.question.process);
    processes.push_back(&*one.process);
    for (Process& ancestor : one.ancestors)
      processes.push_back(&ancestor);
  }
  return lives.fill_images(std::move(processes));
}

}  // namespace

Result<WhoAnswer> who(store::LogReader& reader, const WhoQuestion& question) {
  if (!question.endpoint && question.name.empty())
    return fail(Errc::Usage, "an address or a name is needed");
  const Matcher matcher(question);
  auto flows = find_flows(reader, matcher);
  if (!flows) return std::unexpected(flows.error());
  WhoAnswer answer;
  if (question.at) keep_alive_at(answer, *flows, *question.at);
  if (flows->empty() && !question.endpoint) {
    // Flows for the name at another port or time: then it was not only asked for.
    const auto any = find_flows(reader, Matcher({.name = question.name}));
    if (!any) return std::unexpected(any.error());
    if (!any->empty()) return answer;
    if (auto done = find_askers(reader, matcher, question, answer); !done)
      return std::unexpected(done.error());
    return answer;
  }
  auto described = describe(reader, std::move(*flows));
  if (!described) return std::unexpected(described.error());
  answer.flows = std::move(*described);
  return answer;
}

}  // namespace alibi::query
