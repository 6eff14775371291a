#pragma once
// Records the store makes about itself: loss, fault, recovery, retention. They
// wait here until the disk takes them. Thread: the store thread.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "event/record.hpp"

namespace alibi::store {

class OwnRecords {
 public:
  /// Learns the offset of the wall clock from a record that has both times.
  void learn_clock(const event::Record& record) {
    offset_ns_ = record.time.ns - static_cast<std::int64_t>(record.boot.ns);
  }
  [[nodiscard]] bool knows_clock() const { return offset_ns_.has_value(); }
  [[nodiscard]] WallNs wall(BootNs boot) const {
    return {static_cast<std::int64_t>(boot.ns) + offset_ns_.value_or(0)};
  }

  void add(event::Kind kind, std::string result, event::Extra extra);
  /// Counts records that could not be written; they become one `loss` record.
  void add_loss(std::span<const event::Record> refused, std::string reason);

  [[nodiscard]] bool is_empty() const { return waiting_.empty() && loss_count_ == 0; }
  /// All that waits, the loss first, stamped now.
  [[nodiscard]] std::vector<event::Record> make(BootNs now) const;
  /// They are written.
  void clear();

 private:
  struct Waiting {
    event::Kind kind;
    std::string result;
    event::Extra extra;
  };
  std::optional<std::int64_t> offset_ns_;
  std::vector<Waiting> waiting_;
  std::uint64_t loss_count_ = 0;
  std::string loss_reason_;
  std::uint64_t loss_from_ns_ = 0;
  std::uint64_t loss_to_ns_ = 0;
};

}  // namespace alibi::store
