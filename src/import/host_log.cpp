#include "import/host_log.hpp"

#include <algorithm>
#include <cstdlib>

#include "event/number.hpp"

namespace alibi::import {
namespace {

using event::Direction;
using event::Kind;
using event::Record;

constexpr std::int64_t kSecondNs = 1'000'000'000;
/// Zones are multiples of this.
constexpr std::int64_t kZoneStepS = 900;
/// How far from a whole zone the two times of one event may be apart: an event
/// is logged moments after it happened.
constexpr std::int64_t kZoneDoubtS = 120;
/// Sysmon and Security note one creation or end this close to each other.
constexpr std::int64_t kSameMomentNs = 2 * kSecondNs;
/// The clock of Sysmon's connection events is off by up to minutes, so events
/// are joined by their addresses and ports, nearest first, within this.
constexpr std::int64_t kSameFlowNs = 300 * kSecondNs;

bool has_own_clock(const Draft& draft) {
  return draft.provider == Provider::Sysmon && (draft.id == 3 || draft.id == 22);
}

std::string ends_of(const Record& record) {
  const auto text = [](const auto& end) { return end ? to_text(*end) : std::string(); };
  // In one order whichever side the event calls the source.
  std::string a = text(record.local);
  std::string b = text(record.remote);
  if (b < a) std::swap(a, b);
  return record.proto + " " + a + " " + b;
}

/// FNV-1a: the same event gives the same flow in every import.
std::string flow_name(const std::string& host, const Record& record) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const std::string text = host + " " + ends_of(record) + " " + event::to_text(record.time) + " " +
                           record.via + " " + std::string(event::to_text(record.direction));
  for (const unsigned char c : text)
    hash = (hash ^ c) * 0x100000001b3ULL;
  std::string name;
  event::append_number(name, hash, 16);
  return name + "@0";
}

std::optional<std::int64_t> most_voted(const std::map<std::int64_t, std::uint64_t>& votes) {
  const auto best =
      std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
  return best == votes.end() ? std::nullopt : std::optional(best->first);
}

void vote(std::map<std::int64_t, std::uint64_t>& votes, std::int64_t ahead_ns) {
  const std::int64_t ahead_s = ahead_ns / kSecondNs;
  const std::int64_t step = ahead_s >= 0 ? kZoneStepS / 2 : -kZoneStepS / 2;
  const std::int64_t zone_s = (ahead_s + step) / kZoneStepS * kZoneStepS;
  if (std::abs(ahead_s - zone_s) <= kZoneDoubtS) ++votes[zone_s];
}

/// Sysmon for Linux sometimes has only the name of the program.
bool is_path(std::string_view image) {
  return image.find_first_of("/\\") != std::string_view::npos;
}

void tell_exec(Life& life, const Record& exec) {
  if (life.exec_ns && *life.exec_ns <= exec.time.ns) return;
  life.exec_ns = exec.time.ns;
  life.args = exec.args;
}

}  // namespace

void HostLog::add(Draft draft) {
  vote_zone(draft);
  learn(draft);
  if (draft.record.kind != Kind::Segment) drafts_.push_back(std::move(draft));
}

/// An event that has both, UTC and what the system's clock showed, tells the zone
/// of that clock.
void HostLog::vote_zone(const Draft& draft) {
  if (!draft.logged) return;
  if (draft.provider == Provider::Sysmon && !has_own_clock(draft))
    vote(zone_votes_[draft.file], draft.logged->ns - draft.record.time.ns);
  if (draft.is_zone_unknown && draft.collected)
    vote(collector_votes_[draft.file], draft.logged->ns - draft.collected->ns);
}

/// What the GUIDs in an event tell about processes.
void HostLog::learn(const Draft& draft) {
  const std::int64_t at_ns = draft.record.time.ns;
  const auto know = [&](const Mention& who) -> Life* {
    if (who.guid.empty()) return nullptr;
    const auto id = identities_.by_guid(who.guid, who.pid, at_ns);
    if (!id) return nullptr;
    Life& life = identities_.life(*id);
    if (!who.image.empty() && (is_path(who.image) || !is_path(life.image))) life.image = who.image;
    life.first_ns = std::min(life.first_ns, at_ns);
    return &life;
  };
  if (Life* parent = know(draft.parent)) {
    if (parent->args.empty()) parent->args = draft.parent_args;
  }
  Life* life = know(draft.process);
  if (!life) return;
  if (!draft.record.user.empty()) life->user = draft.record.user;
  if (draft.record.kind == Kind::Exec) tell_exec(*life, draft.record);
  if (draft.record.kind == Kind::Exec && draft.provider == Provider::Sysmon) life->start_ns = at_ns;
  if (draft.record.kind == Kind::Exit) life->end_ns = at_ns;
}

void HostLog::apply_zones(Finished& finished) {
  for (Draft& draft : drafts_) {
    const auto known = zone_votes_.find(draft.file);
    const auto guessed = collector_votes_.find(draft.file);
    std::optional<std::int64_t> zone_s;
    if (known != zone_votes_.end()) zone_s = most_voted(known->second);
    if (!zone_s && guessed != collector_votes_.end()) zone_s = most_voted(guessed->second);
    const std::int64_t ahead_ns = zone_s.value_or(0) * kSecondNs;
    if (draft.logged) draft.logged->ns -= ahead_ns;
    if (!draft.is_zone_unknown) continue;
    draft.record.time.ns -= ahead_ns;
    finished.zones_s[draft.file] = zone_s.value_or(0);
  }
}

std::optional<HostLog::Id> HostLog::life_of(const Draft& draft, std::int64_t slack_ns) {
  if (!draft.process.guid.empty())
    return identities_.by_guid(draft.process.guid, draft.process.pid, draft.record.time.ns);
  const auto found =
      identities_.alive(draft.process.pid, draft.record.time.ns, slack_ns, draft.process.image);
  return found.size() == 1 ? std::optional(found.front()) : std::nullopt;
}

/// Creations that only Security or auoms tell are processes of their own; those
/// that Sysmon tells too are left out.
void HostLog::learn_creations(Finished& finished) {
  std::ranges::stable_sort(drafts_, {}, [](const Draft& draft) { return draft.record.time.ns; });
  std::erase_if(drafts_, [&](Draft& draft) {
    if (draft.record.kind != Kind::Exec || draft.provider == Provider::Sysmon) return false;
    const std::int64_t at_ns = draft.record.time.ns;
    const bool is_replacing = draft.provider == Provider::Auoms;  // execve keeps the process
    for (const Id id : identities_.alive(draft.process.pid, at_ns, kSameMomentNs,
                                         is_replacing ? "" : draft.process.image)) {
      Life& life = identities_.life(id);
      if (!is_replacing && std::abs(life.start_ns - at_ns) > kSameMomentNs) continue;
      if (!is_replacing && life.exec_ns) {
        ++finished.told_twice["program starts that Sysmon told too"];
        return true;
      }
      draft.life = id;
      tell_exec(life, draft.record);
      return false;
    }
    draft.life = identities_.created(draft.process.pid, at_ns);
    Life& life = identities_.life(*draft.life);
    life.image = draft.process.image;
    life.user = draft.record.user;
    life.first_ns = at_ns;
    tell_exec(life, draft.record);
    return false;
  });
}

void HostLog::learn_ends(Finished& finished) {
  std::unordered_map<Id, Draft*> told;  // by Sysmon, which does not know the status
  for (Draft& draft : drafts_) {
    if (draft.record.kind != Kind::Exit || draft.provider != Provider::Sysmon) continue;
    if (const auto id = life_of(draft, kSameMomentNs)) told.emplace(*id, &draft);
  }
  std::set<const Draft*> left_out;
  for (Draft& draft : drafts_) {
    if (draft.record.kind != Kind::Exit || draft.provider == Provider::Sysmon) continue;
    const auto id = life_of(draft, kSameMomentNs);
    if (!id) continue;
    if (const auto known = told.find(*id); known != told.end()) {
      known->second->record.result = draft.record.result;
      left_out.insert(&draft);
    } else {
      identities_.life(*id).end_ns = draft.record.time.ns;
      draft.life = id;
    }
  }
  finished.told_twice["process ends that Sysmon told too"] += left_out.size();
  std::vector<Draft> kept;
  kept.reserve(drafts_.size() - left_out.size());
  for (Draft& draft : drafts_) {
    if (!left_out.contains(&draft)) kept.push_back(std::move(draft));
  }
  drafts_ = std::move(kept);
}

/// A connection that Sysmon and Security both tell stays once: as Sysmon's, with
/// what only Security knows.
void HostLog::join_flows(Finished& finished) {
  std::unordered_map<std::string, std::vector<Draft*>> by_ends;
  for (Draft& draft : drafts_) {
    if (draft.provider == Provider::Sysmon && draft.record.kind == Kind::FlowOpen)
      by_ends[ends_of(draft.record)].push_back(&draft);
  }
  std::set<const Draft*> joined;  // Sysmon's, each with one of Security's
  std::set<const Draft*> left_out;
  for (Draft& draft : drafts_) {
    if (draft.provider != Provider::Security || draft.record.kind != Kind::FlowOpen) continue;
    const auto known = by_ends.find(ends_of(draft.record));
    if (known == by_ends.end()) continue;
    Draft* nearest = nullptr;
    const auto distance = [&](const Draft& other) {
      return std::abs(other.record.time.ns - draft.record.time.ns);
    };
    for (Draft* other : known->second) {
      const bool is_same_pid = other->process.pid == draft.process.pid;
      if (!is_same_pid || joined.contains(other) || distance(*other) > kSameFlowNs) continue;
      if (!nearest || distance(*other) < distance(*nearest)) nearest = other;
    }
    if (!nearest) continue;
    joined.insert(nearest);
    left_out.insert(&draft);
    if (nearest->process.guid.empty()) {
      nearest->logged = draft.record.time;  // when it happened, by the system's clock
      if (nearest->process.image.empty()) nearest->process.image = draft.process.image;
      nearest->record.via += ",security:5156";
    }
  }
  finished.told_twice["connections that Sysmon told too"] += left_out.size();
  std::erase_if(drafts_, [&](const Draft& draft) { return left_out.contains(&draft); });
}

/// Sysmon and Security tell only that a connection began.
void HostLog::finish_flow(Record& record) const {
  if (record.kind != Kind::FlowOpen) return;
  record.flow = flow_name(host_, record);
  const bool is_in = record.direction == Direction::In;
  record.result = record.proto != "tcp" ? "active" : is_in ? "accepted" : "established";
}

}  // namespace alibi::import
