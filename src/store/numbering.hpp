#pragma once
// Gives records their numbers: `seq` in the log, `process_seq` in the process.
// Numbers of records that could not be written are taken back, so that numbers
// have no gaps. Thread: the store thread.

#include <cstdint>
#include <span>
#include <unordered_map>

#include "event/record.hpp"

namespace alibi::store {

class Numbering {
 public:
  /// Takes over the numbers of a record that is in the log already.
  void restore(const event::Record& record);

  /// Numbers `records` in order. Exit and process_final records get `records=`.
  void assign(std::span<event::Record> records);
  /// Takes back what the latest assign of these same records gave.
  void take_back(std::span<event::Record> records);

  /// For a record repeated at the head of a segment: a `seq`, no process_seq;
  /// `process` records get `records=`, the count so far.
  void assign_carried(event::Record& record);

  /// The final count of a process that is gone; it is forgotten.
  std::uint64_t forget(event::ProcessKey process);

  [[nodiscard]] std::uint64_t last_seq() const { return last_seq_; }
  void set_last_seq(std::uint64_t seq) { last_seq_ = seq; }

 private:
  std::uint64_t last_seq_ = 0;
  std::unordered_map<event::ProcessKey, std::uint64_t> records_of_;
};

}  // namespace alibi::store
