#pragma once
// The one meeting point of drain and store thread: batches of records with the
// ring positions that may be released once they are in the log.
//
// Bounded by records. When it is full the drain thread waits, the rings fill,
// and what they cannot take the kernel programs count: nothing is dropped here.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "event/record.hpp"
#include "recorder/conversations.hpp"
#include "store/packet_batch.hpp"

namespace alibi::recorder {

struct Batch {
  std::vector<event::Record> records;
  std::uint64_t process_position = 0;
  std::uint64_t network_position = 0;
  std::uint64_t packet_position = 0;
  store::PacketBatch packets;
  std::vector<ConversationEnd> ends;
  std::vector<event::ProcessKey> forgotten;
  bool ends_predecessor = false;  ///< all that the programs of an earlier build told is in here

  [[nodiscard]] bool has_content() const {
    return !records.empty() || !packets.is_empty() || !ends.empty() || !forgotten.empty();
  }
};

class BatchQueue {
 public:
  explicit BatchQueue(std::size_t max_records) : max_records_(max_records) {}

  void push(Batch batch) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return records_ == 0 || records_ + weight(batch) <= max_records_; });
    records_ += weight(batch);
    batches_.push_back(std::move(batch));
    ready_.notify_one();
  }

  /// Empty after `patience`, or when closed and drained.
  std::optional<Batch> pop(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, patience, [&] { return !batches_.empty() || is_closed_; });
    if (batches_.empty()) return std::nullopt;
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    records_ -= weight(batch);
    room_.notify_one();
    return batch;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    ready_.notify_all();
  }
  [[nodiscard]] bool is_finished() {
    const std::lock_guard lock(mutex_);
    return is_closed_ && batches_.empty();
  }

 private:
  /// In records, each about as much memory as four packets.
  static std::size_t weight(const Batch& batch) {
    return batch.records.size() + batch.packets.packets.size() / 4;
  }

  std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::deque<Batch> batches_;
  std::size_t records_ = 0;
  std::size_t max_records_;
  bool is_closed_ = false;
};

}  // namespace alibi::recorder
