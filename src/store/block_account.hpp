#pragma once
// What is told of a block that is about to be sealed, gathered while its bytes
// are still in memory. Thread: one per object.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/sealing.hpp"

namespace alibi::store {

/// Checksum, items, numbers and times of a run of items.
class BlockAccount {
 public:
  /// The run begins at `offset` of the file.
  BlockAccount(SealStream stream, std::uint64_t segment, std::uint64_t offset);
  ~BlockAccount();
  BlockAccount(BlockAccount&&) noexcept;
  BlockAccount& operator=(BlockAccount&&) noexcept;

  /// A line with its LF.
  void add_line(std::string_view line);
  /// Whole pcapng blocks.
  void add_blocks(std::string_view blocks);

  [[nodiscard]] std::uint64_t bytes() const { return block_.bytes; }
  [[nodiscard]] std::uint64_t items() const { return block_.items; }
  /// What was added since the last cut; the next run begins behind it.
  [[nodiscard]] SyncedBlock cut();
  /// Whether a record asks to be sealed at once.
  [[nodiscard]] bool is_urgent() const { return is_urgent_; }
  void clear_urgent() { is_urgent_ = false; }
  /// Records that become leaves, since the last call.
  [[nodiscard]] std::vector<SyncedRecord> take_records();

 private:
  struct Checksum;
  void begin(std::uint64_t offset);
  void look_at(std::string_view line, std::string_view kind);

  SyncedBlock block_;
  std::unique_ptr<Checksum> checksum_;
  std::string earliest_;  ///< times of lines, which sort as text
  std::string latest_;
  bool is_urgent_ = false;
  std::vector<SyncedRecord> records_;
};

/// XXH3-64, as in SyncedBlock.
[[nodiscard]] std::uint64_t checksum_of(std::string_view bytes);
/// `seq` of a line; 0: it has none, as the header line.
[[nodiscard]] std::uint64_t number_of_line(std::string_view line);

}  // namespace alibi::store
