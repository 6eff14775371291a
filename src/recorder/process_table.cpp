#include "recorder/process_table.hpp"

#include <algorithm>

namespace alibi::recorder {

void Process::set_args(std::vector<std::string> list) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    bytes += list[i].size() + 1;
    if (bytes > kArgsBytes) list.resize(i);
  }
  args = std::make_shared<const std::vector<std::string>>(std::move(list));
  card = nullptr;
}

Process& ProcessTable::add(event::ProcessKey key) {
  auto [at, is_new] = processes_.try_emplace(key);
  if (is_new) {
    at->second.key = key;
    by_pid_[key.pid].push_back(key);
  }
  return at->second;
}

Process* ProcessTable::find(event::ProcessKey key) {
  const auto at = processes_.find(key);
  return at == processes_.end() ? nullptr : &at->second;
}

Process* ProcessTable::find_pid(std::uint32_t pid, BootNs at) {
  const auto keys = by_pid_.find(pid);
  if (keys == by_pid_.end()) return nullptr;
  for (auto key = keys->second.rbegin(); key != keys->second.rend(); ++key)
    if (key->start_us <= at.ns / 1000) return find(*key);
  return nullptr;
}

void ProcessTable::end(Process& process, BootNs when) {
  if (process.ended.ns != 0) return;
  process.ended = when;
  ended_.push_back(process.key);
  if (process.is_tracked) --living_tracked_;
}

void ProcessTable::track(Process& process) {
  if (process.is_tracked) return;
  process.is_tracked = true;
  if (process.ended.ns == 0) ++living_tracked_;
}

std::vector<event::ProcessKey> ProcessTable::ancestors(const Process& process) {
  constexpr std::size_t kDepthMax = 32;
  std::vector<event::ProcessKey> chain;
  for (auto parent = process.parent; parent && chain.size() < kDepthMax;) {
    chain.push_back(*parent);
    const Process* next = find(*parent);
    parent = next ? next->parent : std::nullopt;
  }
  return chain;
}

void ProcessTable::forget(event::ProcessKey key) {
  processes_.erase(key);
  const auto keys = by_pid_.find(key.pid);
  if (keys == by_pid_.end()) return;
  std::erase(keys->second, key);
  if (keys->second.empty()) by_pid_.erase(keys);
}

void ProcessTable::prune(BootNs now, const std::function<void(const Process&)>& forgotten) {
  while (!ended_.empty()) {
    const Process* process = find(ended_.front());
    const bool is_due =
        !process || now.ns > process->ended.ns + kKeepEndedNs || ended_.size() > kMaxEnded;
    if (!is_due) break;
    const event::ProcessKey key = ended_.front();
    if (process) forgotten(*process);
    ended_.pop_front();
    forget(key);
  }
}

void ProcessTable::for_each(const std::function<void(const Process&)>& visit) const {
  for (const auto& [key, process] : processes_)
    visit(process);
}

}  // namespace alibi::recorder
