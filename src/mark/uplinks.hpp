#pragma once
// The devices through which packets leave this host, in the network namespace
// of the calling thread. Not among them are those that lead elsewhere within
// it: loopback, both ends of a veth pair, bridges, taps of virtual machines,
// dummies. rtnetlink(7).

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::mark {

struct Device {
  std::uint32_t index = 0;
  std::string name;
  std::string kind;             ///< IFLA_INFO_KIND; empty: hardware
  std::uint16_t link_type = 0;  ///< ARPHRD_*
  [[nodiscard]] bool leads_out() const;
};

/// All devices. Errors: Io.
Result<std::vector<Device>> list_devices();

/// A socket that becomes readable when devices of the current namespace come,
/// go or change. Errors: Io.
Result<UniqueFd> watch_devices();

}  // namespace alibi::mark
