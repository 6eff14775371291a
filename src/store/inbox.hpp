#pragma once
// Records that other processes hand to the recorder: one file each in the
// directory `inbox` of the log. Who leaves one returns once it is on the disk,
// so nothing is lost when no recorder runs; the next one takes it in. Only root
// may write there, as everywhere in the log. Where the log is encrypted the directory is in
// its memory, and nothing can be left while that is not mounted.
//
// A file is removed some time after its record was handed on. A recorder that
// ends in between tells it twice; extra `letter` is the same then.

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "event/record.hpp"

namespace alibi::store {

/// Leaves `record`; `boot` is stamped if it is not yet. Makes the directories
/// where they are missing. Thread: any. Errors: of the disk.
Status leave_in_inbox(const std::filesystem::path& log_directory, event::Record record);

class Inbox {
 public:
  /// `boot_id`: of now; the boot times of records left before it are dropped.
  Inbox(const std::filesystem::path& log_directory, std::string boot_id);

  /// What was left since the last call, oldest first. What does not parse is
  /// renamed to *.bad and kept.
  [[nodiscard]] std::vector<event::Record> take_new();

  /// Removes the files of records taken `age` ago or earlier.
  void forget_taken(std::chrono::nanoseconds age);

 private:
  std::filesystem::path directory_;
  std::string boot_id_;
  std::vector<std::pair<BootNs, std::string>> taken_;  ///< in order
  std::set<std::string> known_;                        ///< names of taken_
};

}  // namespace alibi::store
