#pragma once
// What a verification answers, for people and programs. Thread: any.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "verify/verdict.hpp"

namespace alibi::verify {

/// Something that the log itself admits, or that could not be judged.
struct Gap {
  std::optional<std::uint64_t> leaf;
  std::string type;
  std::string text;
};
/// More are counted only.
inline constexpr std::size_t kGapsMax = 10'000;

struct Witnessed {
  std::uint64_t size = 0;
  std::uint64_t time_s = 0;  ///< since 1970, as the latest of them says
  std::vector<std::string> names;
};

/// The time of a third party that was verified.
struct ThirdPartyTime {
  std::uint64_t time_s = 0;
  std::string name;
  std::uint64_t leaf = 0;  ///< not before: what follows it; not after: what is below it
};

struct Report {
  Verdict verdict = Verdict::Malformed;
  Place place;
  std::string reason;

  std::string origin;
  std::uint64_t size = 0;
  std::string root;           ///< b64; empty: not known
  std::uint64_t records = 0;  ///< whose bytes were checked
  std::uint64_t packets = 0;
  std::vector<Gap> gaps;
  std::uint64_t gaps_more = 0;
  std::optional<Witnessed> witnessed;
  std::string unwitnessed;  ///< the span that no quorum has seen, in words
  std::optional<std::uint64_t>
      unwitnessed_from;  ///< its first leaf, where a quorum saw those before
  std::optional<ThirdPartyTime> not_before;
  std::optional<ThirdPartyTime> not_after;
  std::vector<std::string> remarks;  ///< what was not used, and why

  bool is_bundle = false;
  std::string claim;           ///< of a bundle, in words
  std::uint64_t withheld = 0;  ///< records of its blocks that are hidden
  bool is_growing = false;     ///< a recorder is writing: judged up to the checkpoint
};

inline void add_gap(Report& report, Gap gap) {
  if (report.gaps.size() < kGapsMax)
    report.gaps.push_back(std::move(gap));
  else
    ++report.gaps_more;
}

}  // namespace alibi::verify
