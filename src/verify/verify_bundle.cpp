#include "verify/verify_bundle.hpp"

#include <algorithm>

#include "verify/bundle_claims.hpp"
#include "verify/bundle_files.hpp"
#include "verify/bundle_items.hpp"
#include "verify/gaps.hpp"
#include "verify/passing.hpp"
#include "verify/pruned_growth.hpp"
#include "verify/third_parties.hpp"
#include "verify/trust.hpp"

namespace alibi::verify {
namespace {

class BundleCheck {
 public:
  BundleCheck(Bundle bundle, const Inputs& inputs, Trusted trusted, ThirdParties& parties,
              Findings& findings, Report& report)
      : bundle_(std::move(bundle)),
        inputs_(inputs),
        trusted_(std::move(trusted)),
        parties_(parties),
        findings_(findings),
        report_(report) {}

  /// Steps 3 to 7.
  Status run() {
    if (auto done = check_tree(); !done) return done;
    if (findings_.failed_by(Step::Tree)) return {};
    check_epochs();
    if (findings_.failed_by(Step::Tree) || !genesis_) return {};
    const auto shown = check_items(bundle_, genesis_->hideable, findings_);
    if (!shown) return {};
    report_.records = shown->lines.size();
    report_.packets = shown->packets;
    report_.withheld = shown->withheld;
    report_.claim = claim_text(bundle_.claims);
    check_claims(bundle_, shown->lines, report_.size, genesis_->epoch_ms, findings_);
    for (const auto& [index, leaf] : bundle_.leaves) {
      if (leaf.leaf.type == seal::LeafType::Receipt) parties_.take_receipt(index, leaf.leaf);
      list_gap(index, leaf.leaf, report_);
    }
    parties_.end(last_time());
    return {};
  }

  [[nodiscard]] std::string stale() const {
    const auto& interval = bundle_.claims.interval;
    return staleness(inputs_, report_, last_time(), genesis_ ? genesis_->epoch_ms : 0,
                     interval ? std::optional(interval->to) : std::nullopt);
  }

 private:
  void bad(std::optional<std::uint64_t> leaf, std::string file, std::string reason) {
    findings_.add(Step::Tree, Verdict::BadBundle, {.leaf = leaf, .file = std::move(file)},
                  std::move(reason));
  }

  [[nodiscard]] WallNs last_time() const {
    return bundle_.leaves.empty() ? WallNs{} : bundle_.leaves.rbegin()->second.leaf.time;
  }

  // Step 3.
  Status check_tree() {
    std::map<std::uint64_t, seal::Hash> shown;
    for (const auto& [index, leaf] : bundle_.leaves)
      shown.emplace(index, seal::leaf_hash(leaf.line));
    const auto root = seal::root_of_pruned(shown, bundle_.hidden_leaves, report_.size);
    if (!root || *root != trusted_.checkpoint.root) {
      bad({}, "tree.csv",
          root ? "leaves.csv and tree.csv do not give the root of the checkpoint"
               : root.error().message);
      return {};
    }
    if (auto done = check_proofs(shown); !done) return done;
    const auto roots = roots_of_sizes(shown);
    for (const auto& note : bundle_.finals)
      check_final_root(note, roots);
    for (const auto& note : bundle_.cosigned_notes) {
      const auto size = seal::Checkpoint::from_text(note.text)->size;
      if (size <= report_.size && !roots.contains(size))
        bad(size - 1, "cosigned.txt", "the last leaf of a cosigned note is not shown");
    }
    for (const std::uint64_t size : parties_.sizes()) {
      const auto known = roots.find(size);
      if (known == roots.end())
        parties_.pass_over_size(size);
      else
        parties_.take_size(size, known->second, bundle_.leaves.at(size - 1).leaf.time);
    }
    return {};
  }

  /// Of every size whose last leaf is shown.
  std::map<std::uint64_t, seal::Hash> roots_of_sizes(
      const std::map<std::uint64_t, seal::Hash>& shown) const {
    std::set<std::uint64_t> sizes = parties_.sizes();
    for (const auto& note : bundle_.finals)
      sizes.insert(seal::Checkpoint::from_text(note.text)->size);
    return roots_of(shown, bundle_.hidden_leaves, sizes);
  }

  Status check_proofs(const std::map<std::uint64_t, seal::Hash>& shown) {
    for (const auto& [index, name] : bundle_.proofs) {
      const auto text = bundle_.proofs_directory->read(name, kSealFileBytesMax);
      if (!text) return std::unexpected(text.error());
      const auto proof = parse_tlog_proof(*text);
      const auto leaf = shown.find(index);
      if (!proof || proof->index != index || proof->note != bundle_.checkpoint ||
          leaf == shown.end() ||
          !seal::check_inclusion(leaf->second, index, report_.size, proof->path,
                                 trusted_.checkpoint.root))
        bad({}, "proofs/" + name, "the proof does not prove its leaf");
    }
    return {};
  }

  void check_final_root(const seal::Note& note, const std::map<std::uint64_t, seal::Hash>& roots) {
    const auto checkpoint = *seal::Checkpoint::from_text(note.text);
    const std::uint64_t leaf = checkpoint.size - 1;
    if (checkpoint.size > report_.size)
      return bad({}, "epochs.txt", "a final checkpoint is larger than the log");
    if (checkpoint.origin != trusted_.log_key.name ||
        seal::check_signature(note, trusted_.log_key) != seal::Signed::Yes) {
      findings_.add(Step::Tree, Verdict::BadSignature, {.leaf = leaf, .file = "epochs.txt"},
                    "a final checkpoint has no valid signature of the log key");
      return;
    }
    const auto root = roots.find(checkpoint.size);
    if (root == roots.end())
      bad(leaf, "epochs.txt", "the last leaf of a final checkpoint is not shown");
    else if (root->second != checkpoint.root)
      bad(leaf, "epochs.txt", "the leaves do not give the root of a final checkpoint");
  }

  // Step 4.
  void check_epochs() {
    const auto first = bundle_.leaves.find(0);
    if (first == bundle_.leaves.end())
      return bad({}, "leaves.csv", "the genesis leaf is not shown");
    if (bundle_.claims.origin != trusted_.log_key.name) {
      findings_.add(Step::Genesis, Verdict::WrongKey, {.file = "claims.csv"},
                    "the claims are about another log");
      return;
    }
    genesis_ = check_genesis(inputs_, trusted_, first->second.leaf, first->second.line, findings_);
    if (!genesis_) return;
    for (const auto& note : bundle_.finals)
      check_epoch(note, true);
    check_epoch(trusted_.note, false);
  }

  void check_epoch(const seal::Note& note, bool is_final) {
    const std::uint64_t leaf = seal::Checkpoint::from_text(note.text)->size - 1;
    const auto found = [&](std::string reason) {
      findings_.add(Step::Epochs, Verdict::BadEpoch, {.leaf = leaf}, std::move(reason));
    };
    std::uint64_t epoch = 0;
    std::string key_text = genesis_->epoch_key;
    for (auto before = bundle_.leaves.lower_bound(leaf); before != bundle_.leaves.begin();) {
      --before;
      if (before->second.leaf.type != seal::LeafType::Epoch) continue;
      epoch = before->second.leaf.number("number").value_or(0) + 1;
      key_text = *before->second.leaf.find("next");
      break;
    }
    if (is_final) {
      const seal::Leaf& last = bundle_.leaves.at(leaf).leaf;
      if (last.type != seal::LeafType::Epoch || last.number("number").value_or(0) != epoch)
        return found("a final checkpoint where this epoch does not end");
    }
    const auto key = seal::VerificationKey::from_text(key_text);
    if (!key || key->type != seal::SignatureType::Ed25519 ||
        key->name != trusted_.log_key.name + "/epoch/" + std::to_string(epoch))
      return found("the key of epoch " + std::to_string(epoch) + " cannot be used");
    if (seal::check_signature(note, *key) != seal::Signed::Yes)
      found("the checkpoint is not signed by the key of epoch " + std::to_string(epoch));
  }

  Bundle bundle_;
  const Inputs& inputs_;
  Trusted trusted_;
  ThirdParties& parties_;
  Findings& findings_;
  Report& report_;
  std::optional<Genesis> genesis_;
};

/// Notes and tokens of the bundle, for the third parties.
Status add_third_parties(const Bundle& bundle, ThirdParties& parties, WorkPool& pool) {
  const ThirdParties::Rules rules{.wrong_root = Verdict::BadBundle};
  parties.add_cosigned(bundle.cosigned, "cosigned.txt", rules, pool);
  parties.add_returned(rules);
  for (const Token& token : bundle.tokens) {
    auto bytes = bundle.receipts_directory->read(token.file, kTokenBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    parties.add_stamp({token.size, "receipts/" + token.file, std::move(*bytes)});
  }
  return {};
}

}  // namespace

Result<Report> verify_bundle(const std::filesystem::path& path, const Inputs& inputs) {
  Report report;
  report.is_bundle = true;
  Findings findings;
  const auto top = Directory::open(path);
  if (!top) return std::unexpected(top.error());
  auto bundle = read_bundle(*top);
  if (!bundle) {
    if (bundle.error().code != Errc::Corrupt) return std::unexpected(bundle.error());
    findings.add(Step::Files, Verdict::BadBundle, {}, bundle.error().message);
    conclude(report, findings, {});
    return report;
  }
  const auto trusted = trust_checkpoint(inputs, bundle->checkpoint, findings);
  if (!trusted) {
    conclude(report, findings, {});
    return report;
  }
  report.origin = trusted->checkpoint.origin;
  report.size = trusted->checkpoint.size;
  report.root = trusted->checkpoint.root.to_base64();
  auto parties = ThirdParties::make(inputs, *trusted, findings, report);
  if (!parties) return std::unexpected(parties.error());
  WorkPool pool(inputs.threads);
  if (auto done = add_third_parties(*bundle, *parties, pool); !done)
    return std::unexpected(done.error());
  BundleCheck check(std::move(*bundle), inputs, *trusted, *parties, findings, report);
  if (auto done = check.run(); !done) return std::unexpected(done.error());
  conclude(report, findings, {.tail = {}, .stale = check.stale()});
  return report;
}

}  // namespace alibi::verify
