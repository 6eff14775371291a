#pragma once
// Which leaves of the log a bundle shows besides those of its blocks:
// docs/disclosure-format.md sections 2 and 3. All leaves are passed through once.
// Thread: one. Memory: no more than one leaf.

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "disclose/request.hpp"
#include "seal/leaf.hpp"

namespace alibi::disclose {

/// A `receipt` leaf: a third party answered before the first thing that is shown.
struct Receipt {
  std::uint64_t leaf = 0;
  std::uint64_t size = 0;
  std::string sha256;  ///< hex, of the note or the token
};

class LeafChoice {
 public:
  LeafChoice(std::optional<WallNs> from, std::optional<WallNs> to, std::uint64_t epoch_ms)
      : has_interval_(from || to), from_(from), to_(to), epoch_ns_(epoch_ms * 1'000'000) {}

  /// Every leaf in order. `meets`: it is a block of the claimed time.
  void take(std::uint64_t index, const seal::Leaf& leaf, bool meets);
  /// Items of this block are in the bundle.
  void add_block(std::uint64_t index);
  [[nodiscard]] bool has_met() const { return has_met_; }

  /// For a checkpoint of `size`: what the rules say, without notes and tokens.
  [[nodiscard]] std::set<std::uint64_t> shown(std::uint64_t size) const;
  /// The interval's leaves, both included; empty: none is claimed.
  struct Span {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  [[nodiscard]] std::optional<Span> interval(std::uint64_t size) const;
  /// All that is shown of the log lies between these, both included.
  [[nodiscard]] Span content(std::uint64_t size) const;
  [[nodiscard]] const std::optional<Receipt>& cosigned_before() const { return cosigned_before_; }
  [[nodiscard]] const std::optional<Receipt>& stamped_before() const { return stamped_before_; }

 private:
  void take_epoch(std::uint64_t index, WallNs time);
  void take_receipt(std::uint64_t index, const seal::Leaf& leaf);

  bool has_interval_;
  std::optional<WallNs> from_;
  std::optional<WallNs> to_;
  std::uint64_t epoch_ns_;

  std::uint64_t first_ = 0;  ///< of the interval
  std::optional<std::uint64_t> last_;
  bool has_met_ = false;
  std::set<std::uint64_t> blocks_;
  std::optional<std::uint64_t> last_epoch_;    ///< the latest `epoch` leaf
  std::optional<std::uint64_t> epoch_before_;  ///< and the one before it
  std::optional<Receipt> cosigned_before_;
  std::optional<Receipt> stamped_before_;
};

}  // namespace alibi::disclose
