#pragma once
// Bodies of C2SP tlog-witness v1.0.0 `add-checkpoint`: what a log asks and what a
// witness returns. Thread: any. Every byte read here may be a stranger's.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "seal/digest.hpp"
#include "seal/note.hpp"

namespace alibi::witness {

inline constexpr std::size_t kProofLinesMax = 63;
/// An `old` line, 63 lines of proof, an empty line, a note.
inline constexpr std::size_t kRequestBytesMax = seal::kNoteBytesMax + 4096;
/// Of what a witness answers; more is no answer.
inline constexpr std::size_t kReplyBytesMax = 64U << 10;

struct AddCheckpoint {
  std::uint64_t old_size = 0;
  std::vector<seal::Hash> proof;
  seal::Note note;

  [[nodiscard]] std::string to_text() const;
  /// Errors: Corrupt. Extension lines in the checkpoint are not refused here.
  static Result<AddCheckpoint> from_text(std::string_view text);
};

/// Signature lines and nothing else. Errors: Corrupt.
[[nodiscard]] Result<std::vector<seal::NoteSignature>> parse_signature_lines(std::string_view text);

/// `300` and LF, as status 409 has it. Errors: Corrupt.
[[nodiscard]] Result<std::uint64_t> parse_size_line(std::string_view text);

}  // namespace alibi::witness
