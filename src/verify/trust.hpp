#pragma once
// Steps 2, 3 and 5: is this the log that the verifier trusts? The key comes
// from elsewhere; nothing in the evidence can replace it. Thread: any.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seal/leaf.hpp"
#include "seal/note.hpp"
#include "seal/signing_key.hpp"
#include "verify/findings.hpp"
#include "verify/inputs.hpp"

namespace alibi::verify {

struct Trusted {
  seal::VerificationKey log_key;
  seal::Note note;  ///< the checkpoint
  seal::Checkpoint checkpoint;
};

/// Steps 2 and 3 for the bytes of the file `checkpoint`. `bytes` empty: no such file.
[[nodiscard]] std::optional<Trusted> trust_checkpoint(const Inputs& inputs,
                                                      const std::optional<std::string>& bytes,
                                                      Findings& findings);

struct Genesis {
  std::string epoch_key;  ///< as text
  std::string hideable;
  std::uint64_t epoch_ms = 0;
  std::uint64_t first_event = 0;
  std::uint64_t first_packet = 0;
};

/// Leaf 0, `line` with its LF.
[[nodiscard]] std::optional<Genesis> check_genesis(const Inputs& inputs, const Trusted& trusted,
                                                   const seal::Leaf& leaf, std::string_view line,
                                                   Findings& findings);

}  // namespace alibi::verify
