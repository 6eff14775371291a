#pragma once
// The two files in which a witness remembers, as text (docs/witness.md):
//
//   history  alibi-witness-history-v1 FILE ENTRIES CHAIN
//            NUMBER OUTCOME TIME BYTES CHAIN      and a note of BYTES, and so on
//   state    six lines and a signature by the witness's key
//
// CHAIN is hex of SHA-256 over the chain before, the line up to the chain, and the
// note; so the last one stands for the whole history. Times: seconds since 1970.
// Thread: any. A file that was restored or damaged is read here, so all is checked.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "seal/digest.hpp"
#include "seal/signing_key.hpp"

namespace alibi::witness {

enum class Outcome : std::uint8_t {
  Accepted,
  RefusedSize,         ///< 409: not at the size that was cosigned last
  RefusedConsistency,  ///< 422: not shown to extend what was cosigned last
  Carried,             ///< the latest of a log, repeated where a new file begins
};
[[nodiscard]] std::string_view name_of(Outcome outcome);

/// Where a history stands.
struct Position {
  std::uint64_t file = 1;
  std::uint64_t entries = 0;  ///< in all files
  std::string chain = std::string(64, '0');

  friend bool operator==(const Position&, const Position&) = default;
};

struct Entry {
  Outcome outcome = Outcome::Accepted;
  std::uint64_t time_s = 0;
  std::string_view note;
};

[[nodiscard]] std::string print_head(const Position& position);
/// The next entry after `position`, which then stands behind it.
[[nodiscard]] std::string print_entry(Position& position, const Entry& entry);

/// Calls `take` after the head (with no entry) and after each whole entry, with the
/// position there. `used` is where the last whole one ends; what follows was torn by
/// a crash. Errors: Corrupt, also for an entry whose chain is wrong; those of `take`.
[[nodiscard]] Result<Position> read_history(
    std::string_view bytes, std::size_t& used,
    const std::function<Status(const Position&, const Entry*)>& take);

struct State {
  Position position;
  std::uint64_t inode = 0;    ///< of the history file
  std::int64_t birth_ns = 0;  ///< 0 where the file system does not know it

  friend bool operator==(const State&, const State&) = default;
};
[[nodiscard]] std::string print_state(const State& state, const seal::SigningKey& key);
/// Errors: Corrupt, also when `key` did not sign it.
[[nodiscard]] Result<State> parse_state(std::string_view text, const seal::VerificationKey& key);

}  // namespace alibi::witness
