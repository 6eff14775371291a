#pragma once
// Pieces that several answers have in common as JSON.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "event/address.hpp"
#include "query/process.hpp"

namespace alibi::report {

using Json = nlohmann::ordered_json;

[[nodiscard]] Json text_or_null(const std::string& text);
[[nodiscard]] Json endpoint_json(const std::optional<event::Endpoint>& endpoint);
[[nodiscard]] Json process_json(const query::Process& process);
[[nodiscard]] Json chain_json(const std::vector<query::Process>& chain);

}  // namespace alibi::report
