#include "verify/passing.hpp"

namespace alibi::verify {

void conclude(Report& report, const Findings& findings, const Ending& ending) {
  const auto pass = [&](Verdict verdict, std::string reason) {
    report.verdict = verdict;
    report.reason = std::move(reason);
  };
  if (auto failure = findings.first()) {
    report.verdict = failure->verdict;
    report.place = std::move(failure->place);
    report.reason = std::move(failure->reason);
    return;
  }
  if (ending.tail) {
    report.place = *ending.tail;
    return pass(Verdict::UnsealedTail,
                "bytes follow the last sealed block; what is before them is unchanged");
  }
  if (!ending.stale.empty()) return pass(Verdict::PassStale, ending.stale);
  if (!report.unwitnessed.empty()) {
    report.place.leaf = report.unwitnessed_from;
    return pass(
        Verdict::PassUnwitnessed,
        "unchanged since it was sealed, by the word of its owner alone for " + report.unwitnessed);
  }
  if (!report.gaps.empty())
    return pass(Verdict::PassGaps, "unchanged since it was sealed; the gaps are listed");
  pass(Verdict::Pass, "complete and unchanged since it was sealed");
}

std::string staleness(const Inputs& inputs, const Report& report, WallNs last_leaf_time,
                      std::uint64_t epoch_ms, std::optional<WallNs> claimed_end) {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  if (const std::uint64_t max_age_s = inputs.requirements.max_age_s; max_age_s > 0) {
    if (!report.witnessed) return "no witness says how old the end of this log is";
    const std::int64_t age_s = inputs.at.value_or(inputs.now).ns / kSecondNs -
                               static_cast<std::int64_t>(report.witnessed->time_s);
    if (age_s > 0 && static_cast<std::uint64_t>(age_s) > max_age_s)
      return "the last cosignature is " + std::to_string(age_s) + " s old, and " +
             std::to_string(max_age_s) + " s are allowed";
  }
  const auto asked = claimed_end ? claimed_end : inputs.at;
  const auto reach_ns = static_cast<std::int64_t>(3 * epoch_ms * 1'000'000);
  if (asked && last_leaf_time.ns < asked->ns - reach_ns)
    return "the log ends before the time it is asked about";
  return {};
}

}  // namespace alibi::verify
