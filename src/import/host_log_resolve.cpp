// The second half of HostLog: each event gets its process.

#include <algorithm>
#include <map>

#include "import/host_log.hpp"

namespace alibi::import {
namespace {

using event::Grade;
using event::Kind;
using event::Record;

constexpr std::int64_t kSecondNs = 1'000'000'000;
/// Slack of lookups by pid: an event may be logged after its process has ended.
constexpr std::int64_t kPidSlackNs = 5 * kSecondNs;

void set_boot_clock(Record& record) {
  record.boot = {static_cast<std::uint64_t>(std::max<std::int64_t>(record.time.ns, 0))};
}

bool needs_grade(const Record& record) {
  return record.kind == Kind::FlowOpen || record.kind == Kind::DnsQuery;
}

std::string list_of(const std::vector<Identities::Id>& ids, Identities& identities) {
  std::string list;
  for (const auto id : ids)
    list += (list.empty() ? "" : ",") + to_text(identities.life(id).key);
  return list;
}

}  // namespace

/// The image as the process table has it, so that one program has one path; what
/// the event itself wrote stays beside it.
void HostLog::fill_process(Draft& draft, Id id) {
  Record& record = draft.record;
  Life& life = identities_.life(id);
  life.first_ns = std::min(life.first_ns, record.time.ns);
  if (life.image.empty()) life.image = draft.process.image;
  if (life.user.empty()) life.user = record.user;
  record.process = life.key;
  if (record.user.empty()) record.user = life.user;
  if (record.kind == Kind::Exec) return;
  record.exe = life.image;
  if (!draft.process.image.empty() && draft.process.image != life.image)
    record.extra.emplace_back("image", draft.process.image);
  if (!record.parent) record.parent = life.parent;
}

/// The event has a process id and at best a path.
void HostLog::resolve_by_pid(Draft& draft) {
  Record& record = draft.record;
  const bool is_late = draft.provider == Provider::Sysmon && draft.logged;
  const std::int64_t at_ns = is_late ? draft.logged->ns : record.time.ns;
  auto found = identities_.alive(draft.process.pid, at_ns, kPidSlackNs, draft.process.image);
  const auto was_alive = [&](Id id) {
    const Life& life = identities_.life(id);
    return life.start_ns <= at_ns && (!life.end_ns || *life.end_ns >= at_ns);
  };
  if (found.size() > 1 && std::ranges::count_if(found, was_alive) == 1)
    std::erase_if(found, [&](Id id) { return !was_alive(id); });
  if (found.size() > 1) {
    if (needs_grade(record)) record.grade = Grade::Ambiguous;
    record.extra.emplace_back("pid", std::to_string(draft.process.pid));
    record.extra.emplace_back("holders", list_of(found, identities_));
    return;
  }
  const bool is_known = !found.empty();
  const Id id = is_known ? found.front()
                         : identities_.first_mentioned(draft.process.pid, record.time.ns,
                                                       draft.process.image);
  if (needs_grade(record)) record.grade = Grade::Likely;
  record.extra.emplace_back("by", is_known ? "pid" : "pid_first_seen");
  fill_process(draft, id);
}

void HostLog::resolve(Draft& draft) {
  Record& record = draft.record;
  std::optional<Id> id = draft.life;
  if (!id && !draft.process.guid.empty())
    id = identities_.by_guid(draft.process.guid, draft.process.pid, record.time.ns);
  if (id) {
    if (needs_grade(record)) record.grade = Grade::Likely;
    fill_process(draft, *id);
  } else if (draft.process.pid != 0) {
    resolve_by_pid(draft);
  } else if (needs_grade(record)) {
    record.grade = Grade::Unknown;
  }
}

void HostLog::resolve_parent(Draft& draft) {
  if (draft.parent.pid == 0 && draft.parent.guid.empty()) return;
  const std::int64_t at_ns = draft.record.time.ns;
  std::optional<Id> id;
  if (!draft.parent.guid.empty())
    id = identities_.by_guid(draft.parent.guid, draft.parent.pid, at_ns);
  if (!id) {
    auto found = identities_.alive(draft.parent.pid, at_ns, 0, draft.parent.image);
    if (found.size() > 1) return;  // which of them is not known
    id = found.empty() ? identities_.first_mentioned(draft.parent.pid, at_ns, draft.parent.image)
                       : found.front();
  }
  Life& parent = identities_.life(*id);
  parent.first_ns = std::min(parent.first_ns, at_ns);
  if (parent.image.empty()) parent.image = draft.parent.image;
  draft.record.parent = parent.key;
  if (draft.life) {
    identities_.life(*draft.life).parent = parent.key;
  } else if (!draft.process.guid.empty()) {
    if (const auto child = identities_.by_guid(draft.process.guid, draft.process.pid, at_ns))
      identities_.life(*child).parent = parent.key;
  }
}

/// A parent was there when its child was first mentioned.
void HostLog::spread_first_mentions() {
  std::map<event::ProcessKey, Id> by_key;
  for (Id id = 0; id < identities_.lives().size(); ++id)
    by_key.emplace(identities_.life(id).key, id);
  for (const Life& child : identities_.lives()) {
    std::int64_t first_ns = child.first_ns;
    std::optional<event::ProcessKey> parent = child.parent;
    while (parent) {
      Life& life = identities_.life(by_key.at(*parent));
      if (life.first_ns <= first_ns) break;
      life.first_ns = first_ns;
      parent = life.parent;
    }
  }
}

/// Processes that the log mentions before, or without, telling their start: they
/// ran before it began, or the event was stamped by a clock that is behind.
void HostLog::emit_processes(std::vector<Record>& records) const {
  for (const Life& life : identities_.lives()) {
    const bool is_told = life.exec_ns && *life.exec_ns <= life.first_ns;
    if (is_told || life.image.empty() || life.first_ns == INT64_MAX) continue;
    Record& record = records.emplace_back();
    record.kind = Kind::Process;
    record.time = {life.first_ns};
    record.process = life.key;
    record.parent = life.parent;
    record.user = life.user;
    record.exe = life.image;
    record.args = life.args;
    record.via = "mentioned";
    record.extra.emplace_back("host", host_);
  }
}

/// Sysmon's connection events have a clock of their own. Where it is so far behind
/// that a process acts before it was created, readers must know that time is not
/// one line here.
void HostLog::emit_clock_step(std::vector<Record>& records) const {
  std::int64_t behind_ns = 0;
  std::int64_t first_ns = INT64_MAX;
  for (const Life& life : identities_.lives()) {
    if (life.first_ns == INT64_MAX) continue;
    behind_ns = std::max(behind_ns, life.start_ns - life.first_ns);
    first_ns = std::min(first_ns, life.first_ns);
  }
  if (behind_ns < kSecondNs) return;
  Record& record = records.emplace_back();
  record.kind = Kind::Clock;
  record.time = {first_ns};
  record.result = "step";
  record.via = "events before the start of their process";
  record.extra = {{"offset_ns", "0"}, {"behind_ns", std::to_string(behind_ns)}, {"host", host_}};
}

HostLog::Finished HostLog::finish() {
  Finished finished;
  apply_zones(finished);
  learn_creations(finished);
  learn_ends(finished);
  choose_sides();
  join_flows(finished);
  std::erase_if(finished.told_twice, [](const auto& reason) { return reason.second == 0; });
  for (Draft& draft : drafts_) {
    if (draft.record.kind == Kind::Exec) resolve_parent(draft);
  }
  for (Draft& draft : drafts_) {
    resolve(draft);
    finish_flow(draft.record);
    finished.records.push_back(std::move(draft.record));
  }
  drafts_.clear();
  spread_first_mentions();
  emit_processes(finished.records);
  emit_clock_step(finished.records);
  for (Record& record : finished.records)
    set_boot_clock(record);
  // A process is told before what it did at the same moment.
  std::ranges::stable_sort(finished.records, [](const Record& a, const Record& b) {
    const auto rank = [](const Record& r) { return r.kind == Kind::Process ? 0 : 1; };
    return std::pair(a.time.ns, rank(a)) < std::pair(b.time.ns, rank(b));
  });
  return finished;
}

}  // namespace alibi::import
