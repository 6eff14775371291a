#include "query/lives.hpp"

#include <algorithm>
#include <set>

#include "query/images.hpp"

namespace alibi::query {
namespace {

using event::Kind;
using event::ProcessKey;
using event::Record;
using store::BootRecord;
using Go = store::LogReader::Go;

/// One pass over a stretch of the log costs about as much as a question about one
/// process for so much of its time.
constexpr std::int64_t kPassNsPerQuestion = 2'000'000'000;
/// A chain of parents longer than this is damage, not history.
constexpr std::size_t kDeepestChain = 4096;

bool is_life(Kind kind) {
  return kind == Kind::Process || kind == Kind::Fork || kind == Kind::Exec || kind == Kind::Exit;
}

std::string life_hint(ProcessKey key) { return "life:" + to_text(key); }

WallNs plus(WallNs time, std::int64_t ns) { return {time.ns + ns}; }

}  // namespace

void Lives::add(const BootRecord& entry) {
  const Record& record = entry.record;
  if (!record.process || !is_life(record.kind)) return;
  Life& life = lives_[{*entry.boot_id, *record.process}];
  if (!life.offset_ns) life.offset_ns = record.time.ns - static_cast<std::int64_t>(record.boot.ns);
  if (!record.user.empty()) life.user = record.user;
  const bool is_fork = record.kind == Kind::Fork;
  const bool has_parent = record.parent && record.parent->pid != 0;  // 0 is the idle task
  const bool knows_better = !life.parent || (!life.has_fork && record.boot < life.parent_seen);
  if (has_parent && (is_fork || knows_better)) {
    life.parent = record.parent;
    life.parent_seen = record.boot;
  }
  life.has_fork |= is_fork;
  if (record.kind == Kind::Exit || record.exe.empty()) return;
  const auto place = std::ranges::lower_bound(life.stages, record.boot, {}, &Stage::since);
  if (place != life.stages.end() && place->since == record.boot && place->exe == record.exe) return;
  life.stages.insert(place,
                     {record.boot, is_fork, record.exe, record.args, record.user, record.extra});
}

const Lives::Life* Lives::find_life(const std::string& boot_id, ProcessKey key) const {
  const auto found = lives_.find({boot_id, key});
  return found == lives_.end() ? nullptr : &found->second;
}

/// A process that already ran when recording began is first seen after `at`;
/// that first sight is then the best there is.
const Lives::Stage* Lives::stage_at(const Life& life, BootNs at) const {
  const auto after = std::ranges::upper_bound(life.stages, at, {}, &Stage::since);
  if (after != life.stages.begin()) return &*std::prev(after);
  if (!life.has_fork && after != life.stages.end()) return &*after;
  return nullptr;
}

const Lives::Stage* Lives::inherited(const std::string& boot_id, ProcessKey key, BootNs at) const {
  const Stage* forked = nullptr;  // knows the image, not its arguments
  for (std::size_t depth = 0; depth < kDeepestChain; ++depth) {
    const Life* life = find_life(boot_id, key);
    if (!life) break;
    const Stage* stage = stage_at(*life, at);
    if (stage && !stage->is_fork) {
      const bool is_same_image = !forked || forked->exe == stage->exe;
      return is_same_image ? stage : forked;
    }
    if (!forked) forked = stage;
    if (!life->parent) break;
    at = start_of(key);
    key = *life->parent;
  }
  return forked;
}

Process Lives::describe(const std::string& boot_id, ProcessKey key, const Stage* stage) const {
  Process process{.boot_id = boot_id, .key = key};
  const auto offset = offsets_ns_.find(boot_id);
  std::int64_t offset_ns = offset == offsets_ns_.end() ? 0 : offset->second;
  if (const Life* life = find_life(boot_id, key)) {
    process.parent = life->parent;
    process.user = life->user;
    if (life->offset_ns) offset_ns = *life->offset_ns;
  }
  process.start = {offset_ns + static_cast<std::int64_t>(start_of(key).ns)};
  if (!stage) return process;
  process.exe = stage->exe;
  process.args = stage->args;
  // Of an image inherited by fork the user may have changed since.
  const Life* life = find_life(boot_id, key);
  const auto is_it = [&](const Stage& own) { return &own == stage; };
  const bool is_own = life && std::ranges::any_of(life->stages, is_it);
  if (!stage->user.empty() && (is_own || process.user.empty())) process.user = stage->user;
  for (const auto& [name, value] : stage->extra) {
    if (name == "cwd") process.cwd = value;
    if (name == "container") process.container = value;
    if (name == "flags") process.flags = value;
    if (name == "sha256") process.sha256 = value;
  }
  return process;
}

Process Lives::find(const std::string& boot_id, ProcessKey key, BootNs at) const {
  return describe(boot_id, key, inherited(boot_id, key, at));
}

Process Lives::find_image(const std::string& boot_id, ProcessKey key, BootNs at, BootNs until,
                          std::string_view exe) const {
  const Stage* stage = inherited(boot_id, key, at);
  if (exe.empty() || (stage && stage->exe == exe)) return describe(boot_id, key, stage);
  stage = nullptr;  // its exec may be lost: then no other image may stand in for it
  if (const Life* life = find_life(boot_id, key)) {
    for (const Stage& candidate : life->stages) {
      if (candidate.since <= until && candidate.exe == exe) stage = &candidate;
    }
  }
  Process process = describe(boot_id, key, stage);
  process.exe = exe;
  return process;
}

std::vector<Process> Lives::ancestors(const std::string& boot_id, ProcessKey key) const {
  std::vector<Process> chain;
  std::set<ProcessKey> seen{key};
  for (const Life* life = find_life(boot_id, key); life && life->parent;) {
    const ProcessKey parent = *life->parent;
    if (!seen.insert(parent).second || chain.size() >= kDeepestChain) break;
    chain.push_back(find(boot_id, parent, start_of(key)));
    key = parent;
    life = find_life(boot_id, key);
  }
  return chain;
}

std::optional<Lives::Wanted> Lives::parent_of(const Wanted& child) const {
  const Life* life = find_life(child.boot_id, child.key);
  if (!life || !life->parent) return std::nullopt;
  return Wanted{child.boot_id, *life->parent, start_of(child.key), child.until, child.offset_ns};
}

Result<bool> Lives::scan_life(const Wanted& wanted, store::Hints hints) {
  hints.all_of = {life_hint(wanted.key)};
  bool is_settled = false;
  const auto done = reader_.scan(hints, store::Order::NewestFirst, [&](const BootRecord& entry) {
    if (*entry.boot_id != wanted.boot_id) return Go::On;
    if (entry.record.process == wanted.key) add(entry);
    const Life* life = find_life(wanted.boot_id, wanted.key);
    if (!life || life->stages.empty()) return Go::On;
    const BootNs oldest = life->stages.front().since;
    is_settled = oldest <= wanted.at && entry.record.boot.ns + store::kDisorderNs < oldest.ns;
    return is_settled ? Go::Stop : Go::On;
  });
  if (!done) return std::unexpected(done.error());
  return !is_settled;
}

Result<bool> Lives::log_has_clock_steps() {
  if (has_clock_steps_) return *has_clock_steps_;
  bool has_steps = false;
  const auto done = reader_.scan({.all_of = {"kind:clock"}}, store::Order::NewestFirst,
                                 [&](const BootRecord& entry) {
                                   has_steps |= entry.record.result == "step";
                                   return has_steps ? Go::Stop : Go::On;
                                 });
  if (!done) return std::unexpected(done.error());
  has_clock_steps_ = has_steps;
  return has_steps;
}

bool Lives::knows_image(const Wanted& wanted) const {
  const Life* life = find_life(wanted.boot_id, wanted.key);
  return life && !life->stages.empty() && life->stages.front().since <= wanted.at;
}

/// Backwards from the record that names the process to its image, not past its
/// creation; past it only when the wall clock was stepped in between; then
/// around its creation, for the fork that says by whom.
Status Lives::load_one(const Wanted& wanted) {
  const WallNs end = plus(wanted.until, store::kDisorderNs);
  const WallNs born{static_cast<std::int64_t>(start_of(wanted.key).ns) + wanted.offset_ns};
  const WallNs begin = plus(born, -store::kDisorderNs);
  auto read_all = scan_life(wanted, {.from = begin, .to = end});
  if (!read_all) return std::unexpected(read_all.error());
  if (!knows_image(wanted)) {
    const auto has_steps = log_has_clock_steps();
    if (!has_steps) return std::unexpected(has_steps.error());
    if (*has_steps) read_all = scan_life(wanted, {.to = end});
    if (!read_all) return std::unexpected(read_all.error());
  }
  const Life* life = find_life(wanted.boot_id, wanted.key);
  if (*read_all || (life && life->has_fork)) return {};
  const auto around_birth =
      scan_life(wanted, {.from = begin, .to = plus(born, store::kDisorderNs)});
  if (!around_birth) return std::unexpected(around_birth.error());
  return {};
}

/// From the birth of the oldest process to the last record that names one.
store::Hints Lives::stretch_of(const std::vector<Wanted>& wanted) {
  store::Hints hints;
  for (const Wanted& one : wanted) {
    const WallNs born{static_cast<std::int64_t>(start_of(one.key).ns) + one.offset_ns -
                      store::kDisorderNs};
    const WallNs end = plus(one.until, store::kDisorderNs);
    if (!hints.from || born < *hints.from) hints.from = born;
    if (!hints.to || end > *hints.to) hints.to = end;
  }
  return hints;
}

/// One pass backwards over the time in which the wanted processes began and
/// acted. Parents are older than their children, so that a parent learnt on the
/// way is still to come.
Status Lives::load_many(const std::vector<Wanted>& wanted, const store::Hints& hints) {
  std::set<Id> keys;
  for (const Wanted& one : wanted)
    keys.insert({one.boot_id, one.key});
  return reader_.scan(hints, store::Order::NewestFirst, [&](const BootRecord& entry) {
    const auto& process = entry.record.process;
    if (!process || !is_life(entry.record.kind) || !keys.contains({*entry.boot_id, *process}))
      return Go::On;
    add(entry);
    if (entry.record.parent) keys.insert({*entry.boot_id, *entry.record.parent});
    return Go::On;
  });
}

Status Lives::load(const std::vector<Wanted>& wanted) {
  std::set<Id> asked;
  std::vector<Wanted> now = wanted;
  for (const Wanted& one : wanted)
    offsets_ns_.try_emplace(one.boot_id, one.offset_ns);
  const store::Hints stretch = stretch_of(now);
  const auto questions = static_cast<std::int64_t>(now.size());
  if (questions > 1 && stretch.to->ns - stretch.from->ns < questions * kPassNsPerQuestion) {
    if (auto done = load_many(now, stretch); !done) return done;
  }
  for (std::size_t depth = 0; !now.empty() && depth < kDeepestChain; ++depth) {
    std::vector<Wanted> parents;
    for (const Wanted& one : now) {
      const Life* life = find_life(one.boot_id, one.key);
      const bool is_known = life && life->has_fork && (stage_at(*life, one.at) || life->parent);
      if (asked.insert({one.boot_id, one.key}).second && !is_known) {
        if (auto done = load_one(one); !done) return done;
      }
      if (const auto parent = parent_of(one);
          parent && !asked.contains({parent->boot_id, parent->key})) {
        parents.push_back(*parent);
      }
    }
    now = std::move(parents);
  }
  return {};
}

Status Lives::fill_images(std::vector<Process*> processes) {
  Images images(reader_);
  for (const Process* process : processes) {
    if (process->sha256.empty() && !process->exe.empty()) {
      if (auto done = images.load(process->exe); !done) return done;
    }
  }
  for (Process* process : processes) {
    const Stage* stage = nullptr;
    if (const Life* life = find_life(process->boot_id, process->key)) {
      for (const Stage& one : life->stages) {
        if (one.exe == process->exe && one.args == process->args) stage = &one;
      }
    }
    images.describe(*process, stage ? stage->extra : event::Extra{},
                    stage ? stage->since : start_of(process->key));
  }
  return {};
}

}  // namespace alibi::query
