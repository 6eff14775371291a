#pragma once
// What third parties said, as far as it bounds the time of what is shown: notes
// that witnesses cosigned and RFC 3161 tokens, within the claimed leaves, the
// nearest before and after, and the newest. docs/disclosure-format.md.
// Thread: any.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "disclose/leaf_choice.hpp"
#include "seal/note.hpp"
#include "seal/seal_layout.hpp"

namespace alibi::disclose {

struct ThirdParties {
  struct Token {
    std::string name;  ///< of its file
    std::uint64_t size = 0;
    std::string bytes;
  };
  std::vector<seal::Note> finals;  ///< of the epochs in the interval
  std::vector<seal::Note> cosigned;
  std::vector<Token> tokens;
  std::set<std::uint64_t> leaves;  ///< to be shown because of them
};

/// No answer of a third party is about a smaller size; empty: there is none at all.
struct FirstAnswers {
  std::optional<std::uint64_t> cosigned;
  std::optional<std::uint64_t> stamped;
};
/// Errors: Io, Denied.
[[nodiscard]] Result<FirstAnswers> first_answers(const seal::SealLayout& layout);

/// For a checkpoint of `size`. Errors: Io, Denied; Corrupt when a final checkpoint
/// of the interval is not there.
[[nodiscard]] Result<ThirdParties> find_third_parties(const seal::SealLayout& layout,
                                                      const LeafChoice& choice, std::uint64_t size);

}  // namespace alibi::disclose
