#include "verify/verify_log.hpp"

#include <algorithm>
#include <optional>

#include "seal/leaf.hpp"
#include "seal/tree.hpp"
#include "verify/content.hpp"
#include "verify/epochs.hpp"
#include "verify/files.hpp"
#include "verify/gaps.hpp"
#include "verify/leaf_stream.hpp"
#include "verify/order.hpp"
#include "verify/passing.hpp"
#include "verify/rollback.hpp"
#include "verify/third_parties.hpp"
#include "verify/trust.hpp"

namespace alibi::verify {
namespace {

using seal::LeafType;

/// Everything that is judged while the leaves pass by.
class LeafPass {
 public:
  LeafPass(const Evidence& evidence, const Inputs& inputs, const Trusted& trusted,
           ThirdParties& parties, bool is_growing, Findings& findings, Report& report,
           WorkPool& pool, Progress& progress, Content::AskAgain ask_again)
      : evidence_(evidence),
        inputs_(inputs),
        trusted_(trusted),
        parties_(parties),
        is_growing_(is_growing),
        findings_(findings),
        report_(report),
        pool_(pool),
        progress_(progress),
        ask_again_(std::move(ask_again)),
        epochs_(evidence, trusted, findings, pool),
        next_size_(parties.sizes().begin()) {}

  Status run() {
    const auto done = for_each_leaf_line(
        evidence_, trusted_.checkpoint.size, findings_,
        [&](std::uint64_t index, std::string_view line) { return take(index, line); });
    if (!done || findings_.failed_by(Step::Genesis)) {
      pool_.finish();
      return done;
    }
    return end();
  }

  [[nodiscard]] WallNs last_time() const { return last_time_; }
  [[nodiscard]] std::uint64_t epoch_ms() const { return genesis_ ? genesis_->epoch_ms : 0; }
  [[nodiscard]] std::uint64_t last_epoch() const { return epochs_.current(); }
  [[nodiscard]] bool has_ended_epoch() const { return epochs_.is_over(); }
  [[nodiscard]] const std::optional<Content>& content() const { return content_; }

 private:
  Status take(std::uint64_t index, std::string_view line) {
    const auto leaf = parse_leaf(index, line, findings_);
    if (!leaf) return {};
    if (index == 0) begin(*leaf, line);
    if (index > 0 && leaf->type == LeafType::Genesis)
      findings_.add(Step::Genesis, Verdict::Malformed, {.leaf = index}, "a second genesis leaf");
    if (!genesis_) return {};
    tree_.append(seal::leaf_hash(line));
    last_time_ = leaf->time;
    const auto root = epochs_.take(index, *leaf);
    if (!root) return std::unexpected(root.error());
    if (*root && **root != tree_.root())
      findings_.add(Step::Tree, Verdict::BadSignature, {.leaf = index},
                    "the leaves do not give the root of the final checkpoint of this epoch");
    order_->take(index, *leaf, findings_, report_);
    if (ask_again_ || leaf->type == LeafType::Retention) content_->take(index, *leaf);
    list_gap(index, *leaf, report_);
    if (next_size_ != parties_.sizes().end() && *next_size_ == index + 1) {
      parties_.take_size(index + 1, tree_.root(), leaf->time);
      ++next_size_;
    }
    if (leaf->type == LeafType::Receipt) parties_.take_receipt(index, *leaf);
    return {};
  }

  void begin(const seal::Leaf& leaf, std::string_view line) {
    genesis_ = check_genesis(inputs_, trusted_, leaf, line, findings_);
    if (!genesis_) return;
    epochs_.begin(*genesis_);
    order_.emplace(*genesis_);
    content_.emplace(evidence_, inputs_, *genesis_, is_growing_, findings_, report_, pool_,
                     progress_);
  }

  Status end() {
    epochs_.end();
    if (tree_.root() != trusted_.checkpoint.root)
      findings_.add(Step::Tree, Verdict::BadSignature, {.leaf = trusted_.checkpoint.size - 1},
                    "the leaves do not give the root of the checkpoint");
    order_->end(report_);
    parties_.end(last_time_);
    pool_.finish();
    return ask_again_ ? content_->end(ask_again_) : Status{};
  }

  const Evidence& evidence_;
  const Inputs& inputs_;
  const Trusted& trusted_;
  ThirdParties& parties_;
  bool is_growing_;
  Findings& findings_;
  Report& report_;
  WorkPool& pool_;
  Progress& progress_;
  Content::AskAgain ask_again_;  ///< empty: files are not looked at
  seal::GrowingTree tree_;
  Epochs epochs_;
  std::set<std::uint64_t>::const_iterator next_size_;
  std::optional<Genesis> genesis_;
  std::optional<Order> order_;
  std::optional<Content> content_;
  WallNs last_time_;
};

Status add_third_parties(const Evidence& evidence, bool is_growing, ThirdParties& parties,
                         WorkPool& pool) {
  const ThirdParties::Rules rules{.pass_over_larger = is_growing};
  for (const std::uint64_t index : evidence.cosigned_files) {
    const std::string name = number_name(index, 20, ".txt");
    const auto bytes = evidence.cosigned->read(name, kSealFileBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    parties.add_cosigned(*bytes, "log/cosigned/" + name, rules, pool);
  }
  parties.add_returned(rules);
  for (const Token& token : evidence.tokens) {
    auto bytes = evidence.receipts->read(token.file, kTokenBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    parties.add_stamp({token.size, "log/receipts/" + token.file, std::move(*bytes)});
  }
  return {};
}

/// Before anything else is read, since the log may grow. Empty: there is none.
Result<std::optional<std::string>> read_checkpoint(const Directory& top, Findings& findings) {
  const auto log = top.directory("log");
  auto bytes = log ? log->read("checkpoint", seal::kNoteBytesMax) : std::unexpected(log.error());
  if (bytes) return std::move(*bytes);
  if (bytes.error().code == Errc::NotFound) return std::nullopt;
  if (bytes.error().code != Errc::Corrupt) return std::unexpected(bytes.error());
  findings.add(Step::Files, Verdict::Malformed, {.file = "log/checkpoint"}, bytes.error().message);
  return std::nullopt;
}

/// The `retention` leaves of the log as it is by now, judged up to step 8, where it is the
/// log that was judged and has grown. None: it is not.
Result<std::vector<Retention>> retentions_by_now(const std::filesystem::path& path, Inputs inputs,
                                                 std::string checkpoint_before) {
  Findings findings;
  Report report;
  Progress progress;
  inputs.notes = {{"the checkpoint before", std::move(checkpoint_before)}};
  auto top = Directory::open(path);
  if (!top) return std::unexpected(top.error());
  const auto bytes = read_checkpoint(*top, findings);
  if (!bytes) return std::unexpected(bytes.error());
  const auto evidence = look_at_files(std::move(*top), findings);
  if (!evidence) return std::unexpected(evidence.error());
  const auto trusted = trust_checkpoint(inputs, *bytes, findings);
  if (!*evidence || !trusted) return std::vector<Retention>{};
  WorkPool pool(inputs.threads);
  auto parties = ThirdParties::make(inputs, *trusted, findings, report);
  if (!parties) return std::unexpected(parties.error());
  parties->add_returned({.pass_over_larger = true});
  LeafPass pass(**evidence, inputs, *trusted, *parties, true, findings, report, pool, progress, {});
  if (auto done = pass.run(); !done) return std::unexpected(done.error());
  if (findings.failed_by(Step::Rollback) || !pass.content()) return std::vector<Retention>{};
  return pass.content()->retentions();
}

}  // namespace

Result<Report> verify_log(const std::filesystem::path& path, const Inputs& inputs,
                          Progress& progress) {
  auto top = Directory::open(path);
  if (!top) return std::unexpected(top.error());
  Report report;
  Findings findings;
  report.is_growing = is_being_written(*top);
  const auto slots = read_epoch_slots(*top);
  const auto bytes = read_checkpoint(*top, findings);
  if (!bytes) return std::unexpected(bytes.error());
  auto evidence = look_at_files(std::move(*top), findings);
  if (!evidence) return std::unexpected(evidence.error());
  const auto trusted = trust_checkpoint(inputs, *bytes, findings);
  if (!*evidence || !trusted) {
    conclude(report, findings, {});
    return report;
  }
  report.origin = trusted->checkpoint.origin;
  report.size = trusted->checkpoint.size;
  report.root = trusted->checkpoint.root.to_base64();
  progress.done_bytes = 0;
  progress.total_bytes = 0;
  for (const auto stream : {seal::Stream::Events, seal::Stream::Packets})
    for (const auto& [number, size] : (*evidence)->segments(stream))
      progress.total_bytes += size;

  WorkPool pool(inputs.threads);
  auto parties = ThirdParties::make(inputs, *trusted, findings, report);
  if (!parties) return std::unexpected(parties.error());
  if (auto done = add_third_parties(**evidence, report.is_growing, *parties, pool); !done)
    return std::unexpected(done.error());
  LeafPass pass(**evidence, inputs, *trusted, *parties, report.is_growing, findings, report, pool,
                progress, [&] { return retentions_by_now(path, inputs, **bytes); });
  if (auto done = pass.run(); !done) return std::unexpected(done.error());
  if (slots)
    check_rollback(*slots, pass.last_epoch(), pass.has_ended_epoch(), report.is_growing,
                   report.size, findings);
  Ending ending;
  if (pass.content()) ending.tail = pass.content()->tail();
  ending.stale = staleness(inputs, report, pass.last_time(), pass.epoch_ms(), {});
  std::ranges::stable_sort(report.gaps, {}, [](const Gap& gap) { return gap.leaf.value_or(0); });
  conclude(report, findings, ending);
  return report;
}

}  // namespace alibi::verify
