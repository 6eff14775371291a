#include "query/flow.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "event/community_id.hpp"

namespace alibi::query {
namespace {

using event::Grade;
using event::Kind;
using event::ProcessKey;
using event::Record;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Cuts the part before `separator` off the head of `text`.
std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return part;
}

Holder& holder_of(Flow& flow, ProcessKey key) {
  const auto found = std::ranges::find(flow.holders, key, &Holder::key);
  return found == flow.holders.end() ? flow.holders.emplace_back(Holder{.key = key}) : *found;
}

void add_creator(Flow& flow, std::string_view text) {
  if (const auto key = event::parse_process_key(text)) holder_of(flow, *key).is_creator = true;
}

/// pid@start:how:bytes_out:bytes_in,...
void add_users(Flow& flow, std::string_view text) {
  while (!text.empty()) {
    std::string_view one = take_part(text, ',');
    const auto key = event::parse_process_key(take_part(one, ':'));
    if (!key) continue;
    Holder& user = holder_of(flow, *key);
    user.is_user = true;
    if (const auto how = take_part(one, ':'); !how.empty()) user.how = how;
    if (const auto out = parse_number(take_part(one, ':'))) user.bytes_out = out;
    if (const auto in = parse_number(take_part(one, ':'))) user.bytes_in = in;
  }
}

void add_holders(Flow& flow, std::string_view text) {
  while (!text.empty()) {
    if (const auto key = event::parse_process_key(take_part(text, ','))) {
      holder_of(flow, *key).is_holder = true;
    }
  }
}

std::optional<std::uint64_t> number_extra(const Record& record, std::string_view key) {
  return parse_number(record.find_extra(key));
}

WallNs wall_of(const Record& record, std::uint64_t boot_ns) {
  return {record.time.ns + static_cast<std::int64_t>(boot_ns) -
          static_cast<std::int64_t>(record.boot.ns)};
}

void set_start(Flow& flow, const Record& record) {
  const std::uint64_t started = number_extra(record, "started_ns").value_or(record.boot.ns);
  flow.start_boot = {started};
  flow.start = wall_of(record, started);
}

void take_attribution(Flow& flow, const Record& record) {
  flow.process = record.process;
  flow.parent = record.parent;
  flow.user = record.user;
  flow.exe = record.exe;
  flow.args = record.args;
  flow.grade = record.grade == Grade::None ? Grade::Unknown : record.grade;
  flow.via = record.via;
}

/// A process that joins by a socket_use record is one user more. It is the one
/// the flow belongs to only when nobody else was seen using it.
void add_use(Flow& flow, const Record& record) {
  if (!record.process) return;
  Holder& user = holder_of(flow, *record.process);
  user.is_user = true;
  if (user.how.empty()) user.how = record.via;
  const auto is_other_user = [&](const Holder& h) { return h.is_user && h.key != *record.process; };
  if (std::ranges::none_of(flow.holders, is_other_user)) take_attribution(flow, record);
}

void merge(Flow& flow, const Record& record) {
  const auto replace = [](auto& into, const auto& from) {
    if (from) into = from;
  };
  replace(flow.local, record.local);
  replace(flow.bytes_out, record.bytes_out);
  replace(flow.bytes_in, record.bytes_in);
  if (record.direction != event::Direction::Unknown) flow.direction = record.direction;
  if (!record.name.empty()) flow.name = record.name;
  add_creator(flow, record.find_extra("creator"));
  add_users(flow, record.find_extra("users"));
  add_holders(flow, record.find_extra("holders"));
  flow.last_seen = record.time;
  flow.last_seen_boot = record.boot;
  if (record.kind == Kind::SocketUse) return add_use(flow, record);
  take_attribution(flow, record);
  if (!record.result.empty()) flow.state = record.result;
  if (record.find_extra("started_ns").empty() == false) set_start(flow, record);
  if (record.kind == Kind::FlowClose) {
    flow.end = wall_of(record, number_extra(record, "ended_ns").value_or(record.boot.ns));
  }
}

/// Somebody who was seen using the socket and is not known to have moved nothing.
bool moved_bytes(const Holder& holder) {
  const bool is_counted = holder.bytes_out || holder.bytes_in;
  return holder.is_user &&
         (!is_counted || holder.bytes_out.value_or(0) + holder.bytes_in.value_or(0) > 0);
}

void lower_grade(Flow& flow) {
  const auto users = std::ranges::count_if(flow.holders, moved_bytes);
  if (users > 1 && flow.grade < Grade::Ambiguous) {
    flow.grade = Grade::Ambiguous;
    flow.via += flow.via.empty() ? "several users" : ", several users";
  }
  if (!flow.process)
    flow.grade = std::max(flow.grade, users > 0 ? Grade::Ambiguous : Grade::Unknown);
}

}  // namespace

bool is_flow_kind(Kind kind) {
  return kind == Kind::FlowOpen || kind == Kind::FlowUpdate || kind == Kind::FlowClose ||
         kind == Kind::SocketUse;
}

std::string community_id_of(const Flow& flow) {
  if (!flow.local || !flow.remote) return {};
  std::uint8_t number = 0;
  if (flow.proto == "tcp")
    number = 6;
  else if (flow.proto == "udp")
    number = 17;
  else if (flow.proto == "icmp")
    number = 1;
  else if (flow.proto == "icmp6")
    number = 58;
  else if (const auto parsed = parse_number(flow.proto); parsed && *parsed < 256)
    number = static_cast<std::uint8_t>(*parsed);
  else
    return {};
  return event::community_id(number, *flow.local, *flow.remote);
}

/// A socket may talk to the same remote end again after a conversation ended.
Flow& FlowMerger::flow_of(const store::BootRecord& entry) {
  const Record& record = entry.record;
  const Id id{*entry.boot_id, record.flow, record.proto, record.remote};
  const auto found = latest_.find(id);
  if (found != latest_.end()) {
    Flow& known = flows_[found->second];
    const std::uint64_t started = number_extra(record, "started_ns").value_or(known.start_boot.ns);
    const bool is_next =
        known.end && (record.kind == Kind::FlowOpen || started > known.start_boot.ns);
    if (!is_next) return known;
  }
  latest_[id] = flows_.size();
  Flow& flow = flows_.emplace_back(Flow{.boot_id = *entry.boot_id,
                                        .id = record.flow,
                                        .proto = record.proto,
                                        .remote = record.remote});
  set_start(flow, record);
  return flow;
}

void FlowMerger::add(const store::BootRecord& entry) {
  if (is_flow_kind(entry.record.kind)) merge(flow_of(entry), entry.record);
}

std::vector<Flow> FlowMerger::take() {
  for (Flow& flow : flows_)
    lower_grade(flow);
  std::ranges::stable_sort(flows_, {}, [](const Flow& flow) { return flow.start; });
  latest_.clear();
  return std::exchange(flows_, {});
}

}  // namespace alibi::query
