#pragma once
// Step 6: the chain of epoch keys. Each epoch that ended has a final checkpoint
// that carries the log key's signature and that of the key which the epoch
// before named; so a key taken later cannot sign what was sealed earlier.
// Thread: one; signatures are checked in the pool. Memory: the notes of one set.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "verify/files.hpp"
#include "verify/trust.hpp"
#include "verify/work_pool.hpp"

namespace alibi::verify {

class Epochs {
 public:
  Epochs(const Evidence& evidence, const Trusted& trusted, Findings& findings, WorkPool& pool)
      : evidence_(evidence), trusted_(trusted), findings_(findings), pool_(pool) {}

  void begin(const Genesis& genesis);
  /// In order, genesis included. The root that a final checkpoint says the tree
  /// has after this leaf. Errors: Io.
  Result<std::optional<seal::Hash>> take(std::uint64_t index, const seal::Leaf& leaf);
  /// After the last leaf: the checkpoint itself, and notes nothing asked for.
  void end();

  /// Of the epoch that the last leaf taken is in.
  [[nodiscard]] std::uint64_t current() const { return current_; }
  /// Whether that leaf ended it.
  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  Status load_notes(std::uint64_t first);
  void leave_set();
  /// Empty, and a finding, when the key is not sound.
  std::optional<seal::VerificationKey> named_key(std::uint64_t index, std::uint64_t epoch,
                                                 const std::string& text);
  std::optional<seal::Hash> final_checkpoint(std::uint64_t index);
  void check_later(seal::Note note, std::uint64_t size, std::string file);
  void hand_over();

  struct Check {
    seal::Note note;
    std::optional<seal::VerificationKey> epoch_key;
    std::uint64_t size = 0;
    std::string file;
  };
  static void check(const Check& check, const Trusted& trusted, Findings& findings);

  const Evidence& evidence_;
  const Trusted& trusted_;
  Findings& findings_;
  WorkPool& pool_;
  std::string file_;
  std::map<std::uint64_t, seal::Note> notes_;  ///< of this set, by size, not yet asked for
  std::uint64_t current_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t leaves_ = 0;                       ///< of the epoch so far
  bool is_over_ = false;                           ///< the last leaf ended its epoch
  std::optional<seal::VerificationKey> key_;       ///< of the epoch so far; empty: not sound
  std::optional<seal::VerificationKey> next_key_;  ///< of the one that begins
  std::vector<Check> checks_;
};

}  // namespace alibi::verify
