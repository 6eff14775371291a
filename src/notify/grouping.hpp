#pragma once
// Findings become reports: grouped by host and category, the first at once,
// what follows at most every interval, with counts. Pure; no clock of its own.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"

namespace alibi::notify {

/// Something a gate saw of a host.
struct Finding {
  std::string host;           ///< address
  std::string category;       ///< "leak"
  std::string what;           ///< "leak/2"
  std::string meaning;        ///< "upload of private files"; may be empty
  WallNs diagnosed;           ///< when the host was found so
  WallNs at;                  ///< when it was seen
  std::string action;         ///< what the gate did: allow, strip, blank, drop
  std::uint64_t flows = 0;    ///< that are new with this
  std::uint64_t packets = 0;  ///< likewise; at least 1
  std::vector<std::string> persons;
};

/// What one person is told.
struct Report {
  std::string person;
  Finding latest;
  WallNs first_seen;  ///< of what this report is about
  std::uint64_t flows = 0;
  std::uint64_t packets = 0;  ///< 0: there is nothing to tell
  bool is_first = false;      ///< of this host and category
};

class Grouping {
 public:
  explicit Grouping(std::uint64_t interval_ms) { set_interval(interval_ms); }
  void set_interval(std::uint64_t ms) { interval_ns_ = static_cast<std::int64_t>(ms) * 1'000'000; }

  void add(const Finding& finding);
  /// Reports that are due.
  std::vector<Report> take_due(WallNs now);
  /// All that waits, due or not: before an end.
  std::vector<Report> take_all();

 private:
  struct Group {
    Report waiting;
    WallNs told;
    bool was_told = false;
  };
  using Key = std::tuple<std::string, std::string, std::string>;  ///< person, host, category
  static constexpr std::size_t kGroupsMax = 100'000;

  std::int64_t interval_ns_ = 0;
  std::map<Key, Group> groups_;
};

[[nodiscard]] std::string subject_of(const Report& report);
/// Several lines: host, what, since when, how often, what was done, what to do.
[[nodiscard]] std::string text_of(const Report& report);
[[nodiscard]] std::string json_of(const Report& report);

}  // namespace alibi::notify
