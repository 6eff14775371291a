#pragma once
// Whom a verifier believes: witnesses and quorum (C2SP tlog-policy), and what the
// owner demands beyond that (docs/seal-format.md section 9). Thread: any.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "seal/note.hpp"
#include "seal/signing_key.hpp"

namespace alibi::seal {

struct Witness {
  std::string name;  ///< in the policy
  VerificationKey key;
  std::string url;  ///< empty: not asked, only believed
};

struct Policy {
  struct Group {
    std::string name;
    std::size_t threshold = 0;
    std::vector<std::string> members;  ///< witnesses or groups before it
  };
  std::vector<VerificationKey> logs;
  std::vector<Witness> witnesses;
  std::vector<Group> groups;
  std::string quorum;  ///< name of a witness or group, or "none"

  /// Errors: Corrupt with the number of the line; weak keys too.
  static Result<Policy> from_text(std::string_view text);
  /// Whether these witnesses are enough.
  [[nodiscard]] bool is_satisfied(const std::vector<std::string>& names) const;
};

struct Requirements {
  std::size_t organisations = 1;
  std::map<std::string, std::string> organisation_of;  ///< by witness
  std::uint64_t witness_interval_s = 300;
  std::uint64_t max_age_s = 0;  ///< 0: not checked
  std::uint64_t clock_difference_s = 300;

  static Result<Requirements> from_text(std::string_view text);
};

/// Whether these witnesses satisfy the policy and are of enough organisations.
[[nodiscard]] bool are_enough(const std::vector<std::string>& names, const Policy& policy,
                              const Requirements& requirements);

/// Who cosigned a note validly, and when.
struct Cosigners {
  std::vector<std::string> names;  ///< in the policy
  std::uint64_t first_time_s = 0;  ///< earliest and latest of their times
  std::uint64_t last_time_s = 0;
  bool is_quorum = false;  ///< policy and organisations are satisfied
};
/// Errors: Corrupt when a witness's line is there and wrong.
[[nodiscard]] Result<Cosigners> check_cosigners(const Note& note, const Policy& policy,
                                                const Requirements& requirements);

}  // namespace alibi::seal
