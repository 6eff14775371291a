#pragma once
// A point in time as a person gives it: as wide as its last digit, so that
// "14:05" means all of that minute.

#include <optional>

#include "base/clock.hpp"

namespace alibi::query {

struct Moment {
  WallNs first;
  WallNs last;  ///< inclusive
};

struct TimeRange {
  std::optional<WallNs> from;  ///< inclusive
  std::optional<WallNs> to;    ///< inclusive
};

}  // namespace alibi::query
