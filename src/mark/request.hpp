#pragma once
// What somebody asks of marking, and its form on the socket: one line of words,
//
//   on | off | list | add CATEGORY CODE [at=UNIX_SECONDS] [ttl=SECONDS] | del CATEGORY [CODE] | del
//   all
//
// CATEGORY is a number there; names are the client's. Pure, fuzzed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace alibi::mark {

inline constexpr std::size_t kMaxRequestBytes = 128;
inline constexpr std::uint32_t kMaxTtlS = 10U * 365 * 24 * 3600;

struct Request {
  enum class Action : std::uint8_t { On, Off, List, Add, Delete };
  Action action = Action::List;
  std::optional<std::uint8_t> category;  ///< Delete: empty for all
  std::optional<std::uint8_t> code;      ///< Delete: empty for every code
  std::optional<std::uint32_t> time_s;   ///< since 1970; empty: now
  std::optional<std::uint32_t> ttl_s;    ///< from now; empty: until deleted
  bool operator==(const Request&) const = default;
};

[[nodiscard]] std::string to_text(const Request& request);
/// Errors: Usage.
[[nodiscard]] Result<Request> parse_request(std::string_view line);

}  // namespace alibi::mark
