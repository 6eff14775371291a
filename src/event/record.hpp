#pragma once
// One record of the event log, as a C++ value. The same struct serves every
// kind; kinds.def says which columns a kind fills, columns.def what they mean.
// The text form is decided by docs/log-format.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "event/address.hpp"
#include "event/process_key.hpp"

namespace alibi::event {

enum class Kind : std::uint8_t {
#define KIND(identifier, name, group, hook, meaning) identifier,
#include "event/kinds.def"
#undef KIND
};

enum class Direction : std::uint8_t { Unknown, Out, In };

/// How sure the attribution is. Ordered from best to worst.
enum class Grade : std::uint8_t {
  None,       ///< the kind has no attribution to grade (column empty)
  Proven,     ///< the process itself was seen doing it, in its own context
  Likely,     ///< one candidate, by inference that `via` names
  Ambiguous,  ///< several candidates, all listed (extra: users, holders)
  Unknown,    ///< nobody can be named
};

/// Where a record came from in the kernel: which ring, which CPU, which number
/// there. Written into `extra` as src=<ring><cpu>:<number>. It proves that
/// nothing is missing, and lets a restarted recorder drop what it already wrote.
struct Source {
  char ring = 0;  ///< 'p' process ring, 'n' network ring, 'k' packet ring; 0: not from a ring
  std::uint16_t cpu = 0;
  std::uint64_t number = 0;
  auto operator<=>(const Source&) const = default;
};

using Extra = std::vector<std::pair<std::string, std::string>>;

struct Record {
  std::uint64_t seq = 0;  ///< assigned by store::LogWriter, 0 before
  WallNs time;
  BootNs boot;
  Kind kind = Kind::Segment;
  std::optional<ProcessKey> process;
  std::uint64_t process_seq = 0;  ///< assigned by store::LogWriter, 0: none
  std::optional<ProcessKey> parent;
  std::string user;
  std::string exe;
  std::vector<std::string> args;
  std::string flow;
  std::string proto;
  std::optional<Endpoint> local;
  std::optional<Endpoint> remote;
  Direction direction = Direction::Unknown;
  std::string name;
  std::optional<std::uint64_t> bytes_out;
  std::optional<std::uint64_t> bytes_in;
  std::string result;
  Grade grade = Grade::None;
  std::string via;
  Extra extra;    ///< in order of writing; keys are [a-z0-9_]+, not src
  Source source;  ///< kept apart from `extra` in memory, written there as src=

  /// First value of `key` in extra, or empty.
  [[nodiscard]] std::string_view find_extra(std::string_view key) const;
};

[[nodiscard]] std::string_view to_text(Kind kind);
[[nodiscard]] std::optional<Kind> parse_kind(std::string_view text);
[[nodiscard]] std::string_view to_text(Grade grade);  ///< "" for None
[[nodiscard]] std::optional<Grade> parse_grade(std::string_view text);
[[nodiscard]] std::string_view to_text(Direction direction);
[[nodiscard]] std::optional<Direction> parse_direction(std::string_view text);
[[nodiscard]] std::string to_text(Source source);
[[nodiscard]] std::optional<Source> parse_source(std::string_view text);

/// RFC 3339, UTC, microseconds: "2026-11-22T02:30:10.123456Z".
[[nodiscard]] std::string to_text(WallNs time);
[[nodiscard]] std::optional<WallNs> parse_time(std::string_view text);

}  // namespace alibi::event
