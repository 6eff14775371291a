#pragma once
// Kinds of records as people type them after --kind.

#include <string>

#include "base/result.hpp"
#include "event/record.hpp"

namespace alibi::cli {

/// Errors: Usage, with the kind that was most likely meant.
[[nodiscard]] Result<event::Kind> kind_argument(const std::string& text);

}  // namespace alibi::cli
