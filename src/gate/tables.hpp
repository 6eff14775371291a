#pragma once
// A policy as the tables of the kernel program (wire/alibi_gate.h).

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gate/policy.hpp"

namespace alibi::gate {

struct Tables {
  alibi_gate_policy policy{};
  std::vector<alibi_gate_rule> rules;                                  ///< the default is the last
  std::vector<std::pair<alibi_gate_prefix, std::uint32_t>> addresses;  ///< slot is 0; zone
  std::vector<std::pair<std::uint32_t, std::uint32_t>> devices;        ///< index, zone
  std::vector<std::string> missing;  ///< devices that do not exist now
};

/// `index_of` gives the index of a device, 0 where there is none.
[[nodiscard]] Tables make_tables(const Policy& policy,
                                 const std::function<std::uint32_t(const std::string&)>& index_of);

}  // namespace alibi::gate
