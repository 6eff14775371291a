#pragma once
// Steps 7 and 10: what others have signed. The roots of cosigned and returned
// notes are what the leaves give; the times of witnesses and of time-stamp
// authorities fit the machine's. Nothing is used that was not verified.
// Thread: one. Memory: some 200 bytes a note.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "seal/leaf.hpp"
#include "seal/tree.hpp"
#include "verify/findings.hpp"
#include "verify/inputs.hpp"
#include "verify/report.hpp"
#include "verify/time_stamp.hpp"
#include "verify/trust.hpp"
#include "verify/work_pool.hpp"

namespace alibi::verify {

class ThirdParties {
 public:
  /// Errors: Usage for roots that cannot be read.
  static Result<ThirdParties> make(const Inputs& inputs, const Trusted& trusted, Findings& findings,
                                   Report& report);

  /// What verdict a wrong signature in a note of the evidence has, and at which step.
  struct Rules {
    Step signature_step = Step::Tree;
    Step root_step = Step::Tree;
    Verdict wrong_root = Verdict::BadSignature;  ///< of a note that no witness signed
    bool pass_over_larger = false;               ///< the log grows
  };
  /// Cosigned notes that follow each other, of the evidence.
  void add_cosigned(std::string_view bytes, const std::string& file, const Rules& rules,
                    WorkPool& pool);
  /// Notes of the inputs, and the checkpoint's own witness lines.
  void add_returned(const Rules& rules);
  struct Stamp {
    std::uint64_t size = 0;
    std::string file;
    std::string bytes;
  };
  void add_stamp(Stamp stamp);

  /// Sizes whose root and last leaf are asked for.
  [[nodiscard]] const std::set<std::uint64_t>& sizes() const { return sizes_; }
  /// For each of sizes() that is not above the checkpoint's, in order: the tree's
  /// root there and the time of its last leaf.
  void take_size(std::uint64_t size, const seal::Hash& root, WallNs last_leaf_time);
  /// In a bundle: the root of this size does not follow from what is shown.
  void pass_over_size(std::uint64_t size);
  /// Every `receipt` leaf, in order, after take_size for what is below it.
  void take_receipt(std::uint64_t index, const seal::Leaf& leaf);
  /// Fills the report's witnessed, not_before, not_after, unwitnessed.
  void end(WallNs last_leaf_time);

 private:
  struct Cosignature {
    std::size_t witness = 0;  ///< in the policy
    std::uint64_t size = 0;
    std::uint64_t time_s = 0;
  };
  struct Seen {
    std::uint64_t size = 0;
    seal::Hash root;
    seal::Hash hash;  ///< of the whole note
    seal::Cosigners cosigners;
    std::vector<Cosignature> times;  ///< one for each of them
    std::string place;
    bool is_returned = false;
    Rules rules;
  };
  struct Judged {
    std::optional<Seen> seen;
    std::optional<Failure> failure;
  };
  ThirdParties(const Inputs& inputs, const Trusted& trusted, Findings& findings, Report& report)
      : inputs_(&inputs), trusted_(&trusted), findings_(&findings), report_(&report) {}
  [[nodiscard]] Judged judge(const seal::Note& note, const std::string& file,
                             const Rules& rules) const;
  void keep(Judged judged);
  void check_root(const Seen& seen, const seal::Hash& root) const;
  void believe(std::uint64_t size, std::uint64_t earliest_s, std::uint64_t latest_s,
               const std::string& name, const seal::Hash& hash, WallNs last_leaf_time);
  void find_quorum();
  void check_stamp(const Stamp& stamp, const seal::Hash& root, WallNs last_leaf_time);

  const Inputs* inputs_;
  const Trusted* trusted_;
  Findings* findings_;
  Report* report_;
  std::optional<TimeStampRoots> roots_;
  std::set<std::uint64_t> sizes_;
  std::multimap<std::uint64_t, Seen> notes_;
  std::multimap<std::uint64_t, Stamp> stamps_;
  std::vector<Cosignature> cosignatures_;  ///< of notes with the right root
  struct Believed {
    std::uint64_t time_s = 0;
    std::string name;
  };
  std::map<std::string, Believed> by_hash_;  ///< what receipt leaves may name
};

}  // namespace alibi::verify
