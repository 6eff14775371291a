#pragma once
// The policy of a gate as a file: TOML, strict (docs/marking.md, section 8).

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "gate/policy.hpp"

namespace alibi::cli {

/// `file` is for messages, which begin with it and the line; `names` are those of
/// categories. Keys are read from the files they are in. Errors: Usage, and those
/// of the key files.
Result<gate::Policy> parse_gate_policy(std::string_view text, const std::string& file,
                                       event::DiagnosisNames names);

/// With the site's names of categories. Errors: as above, NotFound, Denied, Io.
Result<gate::Policy> load_gate_policy(const std::filesystem::path& file);

}  // namespace alibi::cli
