#pragma once
// What a verifier has from elsewhere, never out of the evidence:
// docs/seal-format.md section 9.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "seal/digest.hpp"
#include "seal/policy.hpp"

namespace alibi::verify {

/// How far the work is, for a progress bar.
struct Progress {
  std::atomic<std::uint64_t> done_bytes = 0;
  std::atomic<std::uint64_t> total_bytes = 0;
};

struct Inputs {
  std::string key;  ///< verification key of the log, as text: judged in step 2
  std::optional<seal::Policy> policy;
  std::string weak_key;  ///< the policy has a key anybody can sign for: what it is
  seal::Requirements requirements;
  std::optional<seal::Hash> genesis;
  struct ReturnedNote {
    std::string name;  ///< of its file
    std::string bytes;
  };
  std::vector<ReturnedNote> notes;
  std::string tsa_roots;           ///< PEM; empty: no token is believed
  std::filesystem::path identity;  ///< of age; empty: none
  WallNs now;                      ///< what `max_age` is counted to, where `at` is not given
  std::optional<WallNs> at;        ///< the time that is asked about
  unsigned threads = 1;
};

}  // namespace alibi::verify
