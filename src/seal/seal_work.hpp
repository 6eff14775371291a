#pragma once
// What the sealing thread does, without the thread: takes durable blocks, makes
// leaves of them, ends epochs, publishes checkpoints. docs/seal-format.md.
//
// Nothing is dropped when the disk fails: what cannot be sealed now waits, as a
// position in a file, and is tried again with the next call of work().
// Thread: one per object.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "seal/block_sealer.hpp"
#include "seal/chain.hpp"
#include "seal/leaf.hpp"
#include "seal/note_request.hpp"
#include "seal/witnessing.hpp"
#include "store/sealing.hpp"

namespace alibi::seal {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// Who seals, for the `start` leaf. Empty values are left out.
struct Session {
  std::string boot_id;
  std::string version;
  std::string recorder;  ///< hex SHA-256 of the executable
  std::string config;    ///< hex SHA-256 of the configuration
  std::string command;
};

/// The three clocks, replaceable in tests. Nanoseconds.
using ReadClock = std::function<std::int64_t(clockid_t clock)>;

/// For `alibi status`.
struct SealState {
  std::string origin;
  std::uint64_t leaves = 0;
  std::uint64_t last_event = 0;  ///< sealed
  std::uint64_t last_packet = 0;
  std::uint64_t waiting = 0;  ///< blocks
  std::uint64_t lag_ms = 0;   ///< since the first of them came
  std::uint64_t epoch = 0;
  std::uint64_t checkpoint_boot_ns = 0;  ///< when it was written
  std::string fault;                     ///< what keeps it from sealing
  std::string witness;                   ///< what the client of witnesses says
};

class SealWork {
 public:
  struct Parts {
    store::Disk& disk;
    SealLayout layout;
    Session session;
    ReadClock read_clock;
  };
  /// Takes over the chain, and plans to seal what was left unsealed. Writes only
  /// what recovery must. `recovered`: what the store found in the newest segment.
  /// Errors: as Chain::open.
  static Result<std::unique_ptr<SealWork>> open(Parts parts, const store::Recovered& recovered);

  void set_witnessing(Witnessing* witnessing) { witnessing_ = witnessing; }

  /// A leaf to append. `done` hears how it went: the leaf's index when it is
  /// durable, or that it cannot be now; the order is then forgotten. Without it
  /// the order waits.
  using Done = std::function<void(const Result<std::uint64_t>& index)>;
  struct Order {
    LeafType type = LeafType::Note;
    Pairs pairs;
    std::optional<Stream> behind;  ///< stands behind all blocks of this stream
    Done done;
  };
  void add(const store::SyncedBlock& block);
  void add(Order order);
  void add_urgent() { is_urgent_ = true; }
  /// As the calls of Receipts.
  void add_cosigned(std::uint64_t size, std::string note, std::string name);
  void add_stamp(std::uint64_t size, std::string token, std::string name, std::string time);
  /// A `segment` leaf, unless the log has it already.
  void add_packed(const store::PackedPair& pair, Done done);

  /// Whatever is due. Errors: what keeps it from being done; call again in a second.
  Status work();
  /// Seals all that waits, tells the end of the run, publishes. Errors: as work().
  Status finish(const std::string& reason);
  /// What came after finish(): answers of witnesses. Offers nothing.
  Status close_epoch();
  /// When work() has something to do even if nothing is added.
  [[nodiscard]] std::chrono::milliseconds patience() const;
  [[nodiscard]] SealState state() const;
  /// For whom the log is encrypted; none: it is not.
  [[nodiscard]] const std::vector<std::string>& recipients() const { return recipients_; }

 private:
  struct Block {
    store::SyncedBlock block;
    bool is_adopted = false;
    std::uint64_t since_ns = 0;
  };
  using Item = std::variant<Block, Order>;
  struct Batch;
  struct Reply {
    std::filesystem::path request;
    std::uint64_t index = 0;
  };

  SealWork(Parts parts, Chain chain, std::vector<std::string> recipients);
  Status plan(const store::Recovered& recovered);
  void plan_recovery(const store::Recovered& recovered, bool was_ended,
                     const std::vector<struct Unsealed>& unsealed);
  void plan_memory_lost();

  [[nodiscard]] std::uint64_t boot() const;
  Leaf make(LeafType type, Pairs pairs) const;
  std::optional<Leaf> clock_set_meanwhile() const;
  std::optional<Leaf> prelude(const Leaf* before) const;
  void remember_clocks();

  Status append_waiting();
  Result<bool> append_batch();
  Status answer(const Batch& batch, std::uint64_t first);
  Result<bool> take(Item& item, Batch& batch);
  Result<bool> take_block(Block& item, Batch& batch);
  void note_stuck(const Block& item, const Error& error);
  void refuse_waiters();
  Status end_epoch();
  Status publish();
  Status write_receipts();
  void take_requests();
  void answer_requests();

  store::Disk& disk_;
  SealLayout layout_;
  Session session_;
  ReadClock read_clock_;
  Chain chain_;
  std::vector<std::string> recipients_;
  BlockSealer blocks_;
  Witnessing* witnessing_ = nullptr;

  std::deque<Item> items_;
  std::deque<std::function<Status()>> receipts_;  ///< to be written before their leaves
  std::vector<Reply> replies_;
  std::uint64_t told_stuck_ = 0;  ///< checksum of the block a `fault` leaf was made about
  std::string stuck_;             ///< why a block cannot be sealed
  bool is_urgent_ = false;
  bool wants_publish_ = true;
  bool wants_stamp_ = true;
  bool has_begun_ = false;  ///< this session has a leaf
  bool has_stop_ = false;   ///< its `stop` was ordered
  std::int64_t suspended_ns_ = 0;
  std::uint64_t epoch_ns_;
  std::uint64_t epoch_began_ = 0;
  std::uint64_t urgent_at_ = 0;  ///< an epoch was ended for that
  std::uint64_t published_at_ = 0;
  std::uint64_t published_size_ = 0;
  std::uint64_t looked_at_ = 0;  ///< for requests
  std::uint64_t checkpoint_at_ = 0;
  std::string fault_;
  Error fault_error_;
};

}  // namespace alibi::seal
