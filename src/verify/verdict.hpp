#pragma once
// The words a verification ends with, and where it found what it says:
// docs/seal-format.md section 9, docs/verdicts.md. Thread: any.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace alibi::verify {

/// The value is the exit status.
enum class Verdict : std::uint8_t {
  Pass = 0,
  PassGaps = 10,
  PassUnwitnessed = 11,
  PassStale = 12,
  UnsealedTail = 13,
  Unsealed = 14,
  Altered = 20,
  Missing = 21,
  Reordered = 22,
  Truncated = 23,
  Rollback = 24,
  Fork = 25,
  BadSignature = 26,
  BadEpoch = 27,
  WrongKey = 28,
  TimeConflict = 29,
  GapUnexplained = 30,
  BadBundle = 31,
  Undecryptable = 32,
  Malformed = 40,
};
[[nodiscard]] std::string_view name_of(Verdict verdict);

/// What is known of the place, and no more.
struct Place {
  std::optional<std::uint64_t> leaf;
  std::string file;                     ///< relative to what is verified
  std::optional<std::uint64_t> offset;  ///< in the plain text of the file
  std::optional<std::uint64_t> record;
};

struct Failure {
  Verdict verdict = Verdict::Malformed;
  Place place;
  std::string reason;  ///< one line
};

/// "leaf 812, events/0000000000000001.csv, offset 4096"
[[nodiscard]] std::string to_text(const Place& place);

}  // namespace alibi::verify
