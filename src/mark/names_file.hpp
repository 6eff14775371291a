#pragma once
// Local names of categories and codes, /etc/alibi/marks.toml:
//
//   [[category]]
//   number = 128
//   name = "coffee"
//   codes = { 1 = "machine empty", 2 = "machine broken" }

#include <filesystem>

#include "base/result.hpp"
#include "event/diagnosis_names.hpp"

namespace alibi::mark {

inline constexpr const char* kNamesFile = "/etc/alibi/marks.toml";

/// The assigned names, and those of the file where there is one. Errors: Usage,
/// naming file and line.
Result<event::DiagnosisNames> read_names(const std::filesystem::path& file = kNamesFile);

}  // namespace alibi::mark
