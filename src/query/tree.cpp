#include "query/tree.hpp"

#include <algorithm>
#include <set>

#include "query/lives.hpp"

namespace alibi::query {
namespace {

using event::Kind;
using event::ProcessKey;
using event::Record;
using store::BootRecord;
using Go = store::LogReader::Go;

/// One holder of the asked pid, or the process asked for, as first seen.
struct Candidate {
  std::string boot_id;
  ProcessKey key;
  WallNs start;
  WallNs last_seen;
  std::int64_t offset_ns = 0;
};

Result<std::vector<Candidate>> find_candidates(store::LogReader& reader,
                                               const TreeQuestion& question) {
  std::vector<Candidate> found;
  const std::string hint = question.process ? "proc:" + to_text(*question.process)
                                            : "pid:" + std::to_string(*question.pid);
  const auto done =
      reader.scan({.all_of = {hint}}, store::Order::OldestFirst, [&](const BootRecord& entry) {
        const auto& key = entry.record.process;
        if (!key || (question.process ? *key != *question.process : key->pid != *question.pid))
          return Go::On;
        auto known = std::ranges::find_if(found, [&](const Candidate& c) {
          return c.key == *key && c.boot_id == *entry.boot_id;
        });
        if (known == found.end()) {
          const std::int64_t offset =
              entry.record.time.ns - static_cast<std::int64_t>(entry.record.boot.ns);
          const WallNs start{static_cast<std::int64_t>(start_of(*key).ns) + offset};
          known =
              found.insert(found.end(), {*entry.boot_id, *key, start, entry.record.time, offset});
        }
        known->last_seen = std::max(known->last_seen, entry.record.time);
        return Go::On;
      });
  if (!done) return std::unexpected(done.error());
  std::ranges::stable_sort(found, std::ranges::greater{}, &Candidate::start);
  return found;
}

/// Collects what the chosen process and everything it started did.
class Grower {
 public:
  Grower(const Candidate& root, Lives& lives) : root_(root), lives_(lives) {
    deeds_[root.key].is_alive = true;
  }

  Go visit(const BootRecord& entry) {
    const Record& record = entry.record;
    if (*entry.boot_id != root_.boot_id) return saw_boot_ ? Go::Stop : Go::On;
    saw_boot_ = true;
    if (alive_ == 0 && record.boot.ns > last_exit_.ns + store::kDisorderNs) return Go::Stop;
    if (!record.process) return Go::On;
    adopt(record);
    const auto found = deeds_.find(*record.process);
    if (found != deeds_.end()) note(found->second, entry);
    return Go::On;
  }

  Branch grow(ProcessKey key) {
    Deeds& deeds = deeds_.at(key);
    Branch branch{.process = lives_.find(root_.boot_id, key, {UINT64_MAX}),
                  .executions = std::move(deeds.executions),
                  .flows = deeds.flows.take(),
                  .names = std::move(deeds.names),
                  .modules = deeds.modules,
                  .end = deeds.end,
                  .exit = std::move(deeds.exit)};
    branch.process.start = {static_cast<std::int64_t>(start_of(key).ns) + root_.offset_ns};
    std::ranges::sort(deeds.children);
    for (const ProcessKey child : deeds.children)
      branch.children.push_back(grow(child));
    return branch;
  }

  [[nodiscard]] std::vector<Lives::Wanted> wanted() const {
    return {{root_.boot_id, root_.key, {UINT64_MAX}, root_.last_seen, root_.offset_ns}};
  }

 private:
  struct Deeds {
    std::vector<Execution> executions;
    FlowMerger flows;
    std::map<std::string, std::uint64_t> names;
    std::uint64_t modules = 0;
    std::optional<WallNs> end;
    std::string exit;
    std::vector<ProcessKey> children;
    bool is_alive = true;
  };

  /// A child is known by its fork, or by the first record of one that already
  /// ran; later records may name the process that adopted it.
  void adopt(const Record& record) {
    if (record.kind != Kind::Fork && record.kind != Kind::Process && record.kind != Kind::Exec)
      return;
    if (!record.parent || *record.process == root_.key || deeds_.contains(*record.process)) return;
    const auto parent = deeds_.find(*record.parent);
    if (parent == deeds_.end() || seen_elsewhere_.contains(*record.process)) {
      seen_elsewhere_.insert(*record.process);
      return;
    }
    parent->second.children.push_back(*record.process);
    deeds_[*record.process];
    ++alive_;
  }

  void note(Deeds& deeds, const BootRecord& entry) {
    const Record& record = entry.record;
    lives_.add(entry);
    if (record.kind == Kind::Exec)
      deeds.executions.push_back({record.time, record.exe, record.args});
    if (record.kind == Kind::DnsQuery) ++deeds.names[record.name];
    if (record.kind == Kind::Module) ++deeds.modules;
    if (is_flow_kind(record.kind)) deeds.flows.add(entry);
    if (record.kind != Kind::Exit || !deeds.is_alive) return;
    deeds.end = record.time;
    deeds.exit = record.result;
    deeds.is_alive = false;
    last_exit_ = std::max(last_exit_, record.boot);
    --alive_;
  }

  const Candidate& root_;
  Lives& lives_;  ///< is told every record that concerns the tree
  std::map<ProcessKey, Deeds> deeds_;
  std::set<ProcessKey> seen_elsewhere_;
  std::size_t alive_ = 1;
  BootNs last_exit_;
  bool saw_boot_ = false;
};

void collect(Branch& branch, std::vector<Process*>& into) {
  into.push_back(&branch.process);
  for (Branch& child : branch.children)
    collect(child, into);
}

Result<TreeAnswer> grow_tree(store::LogReader& reader, const Candidate& root) {
  Lives lives(reader);
  Grower grower(root, lives);
  if (auto done = lives.load(grower.wanted()); !done) return std::unexpected(done.error());
  auto done =
      reader.scan({.from = WallNs{root.start.ns - store::kDisorderNs}}, store::Order::OldestFirst,
                  [&](const BootRecord& entry) { return grower.visit(entry); });
  if (!done) return std::unexpected(done.error());
  TreeAnswer answer{.ancestors = lives.ancestors(root.boot_id, root.key),
                    .root = grower.grow(root.key)};
  std::vector<Process*> processes;
  for (Process& ancestor : answer.ancestors)
    processes.push_back(&ancestor);
  collect(answer.root, processes);
  if (done = lives.fill_images(std::move(processes)); !done) return std::unexpected(done.error());
  return answer;
}

}  // namespace

Result<TreeAnswer> tree(store::LogReader& reader, const TreeQuestion& question) {
  auto candidates = find_candidates(reader, question);
  if (!candidates) return std::unexpected(candidates.error());
  const auto chosen = std::ranges::find_if(*candidates, [&](const Candidate& c) {
    return !question.at || c.start <= question.at->last;
  });
  if (chosen == candidates->end()) {
    return fail(Errc::NotFound, candidates->empty() ? "no such process in the log"
                                                    : "no process had this pid at that time");
  }
  auto answer = grow_tree(reader, *chosen);
  if (!answer) return answer;
  for (const Candidate& other : *candidates) {
    if (&other == &*chosen) continue;
    Lives lives(reader);
    const Lives::Wanted wanted{
        other.boot_id, other.key, {UINT64_MAX}, other.last_seen, other.offset_ns};
    if (auto done = lives.load({wanted}); !done) return std::unexpected(done.error());
    answer->others.push_back(lives.find(other.boot_id, other.key, {UINT64_MAX}));
  }
  return answer;
}

}  // namespace alibi::query
