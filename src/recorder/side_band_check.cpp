#include "recorder/side_band_check.hpp"

#include <signal.h>

#include <cerrno>

namespace alibi::recorder {

void SideBandCheck::saw_perf(const perf::NewProcess& fork) {
  if (fork.boot >= begin_) note(What::Fork, fork.pid, fork.boot, +1, fork.parent_pid);
}
void SideBandCheck::saw_perf(const perf::Exec& exec) {
  if (exec.boot >= begin_) note(What::Exec, exec.pid, exec.boot, +1);
}
// Of the threads of a process only the first one's end is compared; the
// programs tell the end of the last one.
void SideBandCheck::saw_perf(const perf::EndedTask& exit) {
  if (exit.boot >= begin_ && exit.pid == exit.tid) note(What::Exit, exit.pid, exit.boot, +1);
}

void SideBandCheck::note(What what, std::uint32_t pid, BootNs when, int delta,
                         std::uint32_t parent_pid) {
  if (balances_.size() >= kMaxPending) return;
  const std::uint64_t key = static_cast<std::uint64_t>(what) << 32 | pid;
  Balance& balance = balances_[key];
  balance.count += delta;
  if (delta > 0) {
    balance.when = when;
    balance.parent_pid = parent_pid;
  } else if (balance.when.ns == 0) {
    balance.when = when;
  }
  if (balance.count == 0) balances_.erase(key);
}

void SideBandCheck::take_missed(BootNs now, const std::function<void(const Missed&)>& missed) {
  std::erase_if(balances_, [&](const auto& entry) {
    const auto& [key, balance] = entry;
    if (now.ns < balance.when.ns + kPatienceNs) return false;
    const What what = static_cast<What>(key >> 32);
    const auto pid = static_cast<std::uint32_t>(key);
    if (balance.count <= 0) return true;  // the side band lost it, and counts that itself
    // The first thread ended but others may live on: no end of the process yet.
    if (what == What::Exit && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM))
      return false;
    missed_total_ += static_cast<std::uint64_t>(balance.count);
    missed({what, pid, balance.parent_pid, balance.when});
    return true;
  });
}

}  // namespace alibi::recorder
