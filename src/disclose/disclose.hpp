#pragma once
// Makes a disclosure bundle: some records of a sealed log, what proves that they
// are members of it, and how many others stand between them.
// docs/disclosure-format.md. Thread: one.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "disclose/line_choice.hpp"
#include "disclose/request.hpp"
#include "seal/note_request.hpp"

namespace alibi::disclose {

/// Logs the disclosure before its checkpoint is taken: seal::append_note, or
/// nothing where the log is a copy without its keys.
using AppendNote =
    std::function<Result<seal::NoteAnswer>(const seal::SealLayout&, const seal::NoteRequest&)>;

struct Summary {
  std::string origin;
  std::uint64_t size = 0;  ///< leaves of the checkpoint
  std::uint64_t records = 0;
  std::uint64_t packets = 0;
  std::uint64_t hidden = 0;  ///< items of the same blocks that are not shown
  std::uint64_t leaves = 0;  ///< shown
  struct Interval {
    WallNs from;
    WallNs to;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  std::optional<Interval> interval;
  std::vector<ProcessClaim> processes;
  std::vector<std::string> hidden_columns;
  std::optional<std::uint64_t> note;  ///< the leaf that tells of this disclosure
  std::vector<std::string> gaps;      ///< shown leaves that tell of a gap
  std::vector<std::string> remarks;
};

/// Errors: Usage (also when the bundle's directory is not empty), NotFound (no
/// seal, no such record), Denied, Io, Unsupported, Corrupt. Nothing is logged and
/// nothing is written unless there is something to show.
[[nodiscard]] Result<Summary> disclose(const Request& request, const AppendNote& append_note);

}  // namespace alibi::disclose
