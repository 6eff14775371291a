#pragma once
// The processes that live, and for a while those that ended: flow records and
// packets of a process may come after its exit.
//
// Bounded: ended processes are forgotten after `kKeepEndedNs`, and earlier when
// more than `kMaxEnded` of them wait, so memory does not grow with churn.
// Not thread-safe; the pipeline guards it with one mutex, because the store
// thread asks for carried() when a segment begins.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "event/record.hpp"
#include "packet/capture_reader.hpp"

namespace alibi::recorder {

struct Process {
  event::ProcessKey key;
  std::optional<event::ProcessKey> parent;
  std::uint32_t uid = 0;
  std::uint32_t net_ns = 0;
  std::string user;
  std::string exe;
  std::string container;
  std::array<std::uint64_t, 7>
      namespaces{};         ///< inodes in the order of perf::NamespaceType, 0: not known
  BootNs namespaces_since;  ///< when perf told them; 0: inherited, or from /proc
  BootNs ended;             ///< 0: lives
  bool is_tracked = false;  ///< belongs to the command of `alibi run`
  bool has_record_after_end = false;
  std::uint64_t ended_batch =
      ~0ULL;  ///< Translation::batch that has its exit; ~0: of an earlier recorder
  bool is_kernel_thread = false;
  std::shared_ptr<const std::vector<std::string>>
      args;  ///< shared with children; at most kArgsBytes
  std::shared_ptr<const packet::ProcessInfo>
      card;  ///< for the packet log; null: to be made (again)

  static constexpr std::size_t kArgsBytes = 1024;
  void set_args(std::vector<std::string> list);
};

class ProcessTable {
 public:
  static constexpr std::uint64_t kKeepEndedNs = 75'000'000'000;  // TCP closes up to 60 s later
  static constexpr std::size_t kMaxEnded = 10'000;

  /// Adds the process, or returns the one that is there already.
  Process& add(event::ProcessKey key);
  [[nodiscard]] Process* find(event::ProcessKey key);
  /// The process that had this pid at that time, as far as it is known.
  [[nodiscard]] Process* find_pid(std::uint32_t pid, BootNs at);
  void end(Process& process, BootNs when);

  /// Parent, its parent, ... at most 32; nearest first.
  [[nodiscard]] std::vector<event::ProcessKey> ancestors(const Process& process);

  /// Forgets what ended long enough ago; `forgotten` sees each before it goes.
  void prune(BootNs now, const std::function<void(const Process&)>& forgotten);

  void for_each(const std::function<void(const Process&)>& visit) const;
  [[nodiscard]] std::size_t size() const { return processes_.size(); }
  [[nodiscard]] std::size_t living() const { return processes_.size() - ended_.size(); }
  [[nodiscard]] std::size_t living_tracked() const { return living_tracked_; }
  void track(Process& process);

 private:
  void forget(event::ProcessKey key);

  std::unordered_map<event::ProcessKey, Process> processes_;
  std::unordered_map<std::uint32_t, std::vector<event::ProcessKey>> by_pid_;  // oldest first
  std::deque<event::ProcessKey> ended_;                                       // in order of end
  std::size_t living_tracked_ = 0;
};

}  // namespace alibi::recorder
