#pragma once
// C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0 and cosignature/v1 of
// tlog-cosignature: text, signatures, strict reading (docs/seal-format.md section 6).
// Thread: any. Every byte read here may be a stranger's.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "seal/digest.hpp"
#include "seal/signing_key.hpp"

namespace alibi::seal {

inline constexpr std::size_t kNoteBytesMax = 64U << 10;
inline constexpr std::size_t kNoteSignaturesMax = 16;

struct NoteSignature {
  std::string name;
  std::uint32_t key_hash = 0;
  std::string bytes;  ///< without the four of the key hash

  [[nodiscard]] std::string to_line() const;
};

struct Note {
  std::string text;  ///< with its last LF, without the empty line
  std::vector<NoteSignature> signatures;

  [[nodiscard]] std::string to_text() const;
};

/// Errors: Corrupt.
[[nodiscard]] Result<Note> parse_note(std::string_view bytes);
/// Notes that follow each other in one file; `used` is where the last whole one ends.
/// A file cut exactly after a signature line shows a note with fewer of them.
[[nodiscard]] std::vector<Note> parse_notes(std::string_view bytes, std::size_t& used);

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Hash root;

  [[nodiscard]] std::string to_text() const;
  /// Of a note's text. Extension lines are refused. Errors: Corrupt.
  static Result<Checkpoint> from_text(std::string_view text);
};

[[nodiscard]] NoteSignature sign_note(const SigningKey& key, std::string_view text);
/// cosignature/v1 at `time_s`, seconds since 1970.
[[nodiscard]] NoteSignature cosign_note(const SigningKey& key, std::string_view text,
                                        std::uint64_t time_s);

enum class Signed : std::uint8_t {
  No,  ///< no line by this name and key hash
  Yes,
  Wrong,  ///< a line by it whose signature is wrong: the note is worthless
};
[[nodiscard]] Signed check_signature(const Note& note, const VerificationKey& key);
/// The time of a valid cosignature by `key`, seconds since 1970; the earliest of several.
[[nodiscard]] std::optional<std::uint64_t> cosigned_at(const Note& note,
                                                       const VerificationKey& key);

}  // namespace alibi::seal
