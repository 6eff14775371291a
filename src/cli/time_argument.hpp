#pragma once
// Times as people type them.
//
//   now   -2h   -1h30m   -90s           before now (units s m h d w)
//   14:05   14:05:30                    the latest such time, today or yesterday
//   2026-11-22   2026-11-22 14:05       with T or a blank, seconds and fractions
//   2026-11-22T14:05:30.5Z   ...+01:00  RFC 3339
//
// Without a zone: UTC, or local time where `zone` says so.

#include <string_view>

#include "base/result.hpp"
#include "query/moment.hpp"
#include "report/style.hpp"

namespace alibi::cli {

/// As wide as the last digit given. Errors: Usage.
Result<query::Moment> parse_moment(std::string_view text, WallNs now, report::Zone zone);

/// --from and --to, each maybe empty. Errors: Usage, naming the option.
Result<query::TimeRange> parse_range(std::string_view from, std::string_view to, WallNs now,
                                     report::Zone zone);

}  // namespace alibi::cli
