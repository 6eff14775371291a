#pragma once
// Which process information block belongs to a packet: pids are used again.
// docs/packet-format.md section 3.4. Thread: one.

#include <map>
#include <unordered_map>

#include "packet/capture_reader.hpp"

namespace alibi::packet {

class ProcessLookup {
 public:
  /// Of a packet of `reader`, which goes on being read; valid until its next
  /// call. Null: no pid, not described, or not certain which of two that had
  /// the pid one after the other.
  const ProcessInfo* find(const CaptureReader& reader, const Packet& packet);

 private:
  std::size_t known_ = 0;  ///< so many of the reader's processes are in by_pid_
  /// By start: the place in the reader's list.
  std::unordered_map<std::uint32_t, std::map<std::int64_t, std::size_t>> by_pid_;
};

}  // namespace alibi::packet
