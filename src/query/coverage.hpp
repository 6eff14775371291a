#pragma once
// What a log can speak about: from when to when, and what it knows to be
// missing. Printed when an answer is "nothing found".

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {

struct Coverage {
  std::optional<WallNs> first;  ///< empty: the log has no records
  std::optional<WallNs> last;
  std::uint64_t records = 0;  ///< by the numbers of the first and last record
  std::map<std::string, std::uint64_t> lost_by_reason;

  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : lost_by_reason)
      sum += count;
    return sum;
  }
};

/// Errors: Io, Denied.
Result<Coverage> coverage(store::LogReader& reader);

}  // namespace alibi::query
