#include "packet/process_lookup.hpp"

#include <iterator>

namespace alibi::packet {
namespace {

/// Starts and packets are stamped by one clock but become wall time at
/// different moments; a packet this close to a change of the pid is either's.
constexpr std::int64_t kUncertainNs = 1'000'000;

}  // namespace

const ProcessInfo* ProcessLookup::find(const CaptureReader& reader, const Packet& packet) {
  const auto& processes = reader.processes();
  for (; known_ < processes.size(); ++known_) {
    const auto start = static_cast<std::int64_t>(processes[known_].start_ns.value_or(0));
    by_pid_[processes[known_].pid][start] = known_;
  }
  if (!packet.pid) return nullptr;
  const auto found = by_pid_.find(*packet.pid);
  if (found == by_pid_.end()) return nullptr;
  const auto& lives = found->second;
  if (lives.size() == 1) return &processes[lives.begin()->second];
  const auto next = lives.upper_bound(packet.time.ns);
  if (next == lives.begin()) return nullptr;
  const auto current = std::prev(next);
  const bool is_begun = current == lives.begin() || packet.time.ns - current->first >= kUncertainNs;
  const bool is_over = next != lives.end() && next->first - packet.time.ns < kUncertainNs;
  return is_begun && !is_over ? &processes[current->second] : nullptr;
}

}  // namespace alibi::packet
