#pragma once
// Between the sealer and the client that asks witnesses and time-stamp
// authorities. The client has a thread of its own; the sealer never waits for
// it, except at its end.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "seal/digest.hpp"
#include "seal/seal_layout.hpp"
#include "seal/tree.hpp"

namespace alibi::seal {

/// A checkpoint to be witnessed. All tiles of it are in log/tile.
struct Offer {
  std::string note;  ///< signed by the log key and the epoch key
  std::uint64_t size = 0;
  Hash root;
  bool wants_stamp = false;  ///< ask time-stamp authorities now, not at the next full hour
};

/// Where answers go. Thread: any; the calls do not block, what they tell is on
/// disk a moment later.
class Receipts {
 public:
  virtual ~Receipts() = default;
  /// The offered note with the lines of witnesses, checked by the caller: is
  /// appended to log/cosigned and becomes a `receipt` leaf named `name`.
  virtual void cosigned(std::uint64_t size, std::string note, std::string name) = 0;
  /// An RFC 3161 token over the offered note, checked: log/receipts/SIZE-NAME.tsr
  /// and a `receipt` leaf. `name` is [a-z0-9.-]+, `time` RFC 3339 or empty.
  virtual void stamped(std::uint64_t size, std::string token, std::string name,
                       std::string time) = 0;
  /// Something no retry cures: a `fault` leaf with these pairs, `result` one of
  /// `witness_ahead`, `witness_back`, `witness_fork`. Told once, not at each attempt.
  virtual void fault(std::string result, std::string error) = 0;
};

class Witnessing {
 public:
  virtual ~Witnessing() = default;
  /// Takes the place of an offer that was not begun yet. Must not block.
  virtual void offer(const Offer& offer) = 0;
  /// The recorder stops: returns when everything offered is answered, or after
  /// `patience`. No call of Receipts after it.
  virtual void finish(std::chrono::milliseconds patience) = 0;
  /// One line for `alibi status`; empty: all is well.
  [[nodiscard]] virtual std::string trouble() const = 0;
};

/// Called once by the sealer's begin(); null where there is nobody to ask.
/// `receipts` outlives the result.
using MakeWitnessing =
    std::function<std::unique_ptr<Witnessing>(const SealLayout& layout, Receipts& receipts)>;

/// Nodes of the log's tree out of log/tile, for proofs between sizes that were
/// offered. Thread: any; a recorder may write meanwhile. See seal/tiles.hpp.
[[nodiscard]] NodeReader read_tiles(const SealLayout& layout);

}  // namespace alibi::seal
