#include "cli/verify_text.hpp"

#include <gmock/gmock.h>

namespace alibi::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using verify::Verdict;

constexpr const char* kGreen = "\x1b[32m";

verify::Report report_of(Verdict verdict) {
  verify::Report report;
  report.verdict = verdict;
  report.origin = "alibi/1";
  report.size = 3;
  return report;
}

constexpr Verdict kVerdicts[] = {
    Verdict::Pass,           Verdict::PassGaps,  Verdict::PassUnwitnessed, Verdict::PassStale,
    Verdict::UnsealedTail,   Verdict::Unsealed,  Verdict::Altered,         Verdict::Missing,
    Verdict::Reordered,      Verdict::Truncated, Verdict::Rollback,        Verdict::Fork,
    Verdict::BadSignature,   Verdict::BadEpoch,  Verdict::WrongKey,        Verdict::TimeConflict,
    Verdict::GapUnexplained, Verdict::BadBundle, Verdict::Undecryptable,   Verdict::Malformed,
};

TEST(VerifyText, OnlyPassIsGreen) {
  EXPECT_THAT(to_text(report_of(Verdict::Pass), {.has_colour = true}),
              StartsWith("\x1b[32mPASS\x1b[0m\n"));
  for (const Verdict verdict : kVerdicts) {
    if (verdict == Verdict::Pass) continue;
    EXPECT_THAT(to_text(report_of(verdict), {.has_colour = true}), Not(HasSubstr(kGreen)))
        << name_of(verdict);
  }
}

TEST(VerifyText, TheFirstLineIsTheWordAlone) {
  for (const Verdict verdict : kVerdicts) {
    const auto report = report_of(verdict);
    EXPECT_THAT(to_text(report, {}), StartsWith(std::string(name_of(report.verdict)) + "\n"));
  }
}

TEST(VerifyText, WhatPassesSaysWhatRootCanStillDo) {
  for (const Verdict verdict : kVerdicts) {
    const std::string text = to_text(report_of(verdict), {});
    if (verdict < Verdict::UnsealedTail)
      EXPECT_THAT(text, HasSubstr("What root can still do: ")) << name_of(verdict);
    else
      EXPECT_THAT(text, Not(HasSubstr("have not changed"))) << name_of(verdict);
  }
}

}  // namespace
}  // namespace alibi::cli
