#pragma once
// What people give as "the other side": an address, an address and port, a host
// name, a host name and port.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "event/address.hpp"

namespace alibi::cli {

struct Target {
  std::optional<event::Endpoint> endpoint;
  std::string name;                   ///< when it is no address
  std::optional<std::uint16_t> port;  ///< with a name
};

/// Errors: Usage, for what looks like an address and is none.
Result<Target> parse_target(std::string_view text);

}  // namespace alibi::cli
