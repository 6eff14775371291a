#pragma once
// Which records `alibi show` prints. Every given condition must hold; of
// several kinds, one.

#include <optional>
#include <string>
#include <vector>

#include "event/record.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {

struct Filter {
  std::optional<WallNs> from;  ///< inclusive
  std::optional<WallNs> to;    ///< inclusive
  std::vector<event::Kind> kinds;
  std::optional<std::uint32_t> pid;
  std::optional<event::ProcessKey> process;
  std::string exe;  ///< whole path, or the last component when it has no slash
  std::optional<event::IpAddress> address;  ///< either side
  std::optional<std::uint16_t> port;        ///< either side
  std::string name;  ///< a path, or a host name; ".example.org" for all under it
};

[[nodiscard]] bool matches(const Filter& filter, const event::Record& record);

/// What a reader may skip by to find what matches.
[[nodiscard]] store::Hints hints_of(const Filter& filter);

}  // namespace alibi::query
