#pragma once
// Packs finished segments and keeps the disk budget, on a thread of its own
// that runs when nothing else wants the processor or the disk.
//
// The store thread never waits for it: nudge and approve are single stores, and
// take gives up when the packer is just then using what it asks for.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "event/record.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/log_writer.hpp"
#include "store/retention.hpp"
#include "store/sealing.hpp"

namespace alibi::store {

class Packer {
 public:
  /// `disk` and everything else lent must outlive it. `sealing` may be null; where
  /// the log is sealed all the same, nothing is packed or deleted.
  Packer(Disk& disk, Layout layout, Limits limits, Sealing* sealing);
  /// Stops within one frame's work; what was half packed is packed next time.
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  /// Starts the thread, with the privileges of the caller; more than once is
  /// the same as once.
  void start();

  /// Nobody writes any more: ends the thread, and packs on the caller's what is left, the newest
  /// files too. Waits some seconds for the seal.
  void pack_rest();

  /// A segment was finished.
  void nudge();

  struct Note {
    event::Kind kind = event::Kind::Fault;
    std::string result;
    event::Extra extra;
  };
  /// What the writer should record, if anything is waiting. After a note of
  /// kind Retention is durable, approve lets the deletion happen.
  [[nodiscard]] std::vector<Note> take();
  void approve();

  [[nodiscard]] std::uint64_t disk_bytes() const {
    return disk_bytes_;
  }  ///< of the whole directory
  [[nodiscard]] std::uint64_t segments() const { return segments_; }

 private:
  void run(std::stop_token stop);
  void work(const std::stop_token& stop);
  void pack_all(const std::vector<SegmentFiles>& segments, const std::stop_token& stop);
  void pack_one(const SegmentFiles& segment, std::uint64_t before_seq, const std::stop_token& stop);
  void remove_plain(const SegmentFiles& segment);
  Status delete_planned();
  void keep_budget();
  void measure();
  void note(Note note);

  Disk& disk_;
  Layout layout_;
  Limits limits_;
  Sealing* sealing_;
  bool is_passive_;

  std::mutex mutex_;
  std::vector<Note> notes_;

  std::atomic<bool> nudged_ = false;
  std::atomic<bool> approved_ = false;
  std::atomic<std::uint64_t> disk_bytes_ = 0;
  std::atomic<std::uint64_t> segments_ = 0;

  std::optional<Retention> planned_;  ///< packer thread only
  bool has_writer_ = true;            ///< of the newest files
  bool has_told_packets_ = false;     ///< that packing them fails
  std::set<std::uint64_t> reported_;  ///< segments whose trouble was noted already
  std::jthread thread_;
};

}  // namespace alibi::store
