#pragma once
// The steps of docs/disclosure-format.md section 4. Thread: one.

#include <filesystem>

#include "base/result.hpp"
#include "verify/inputs.hpp"
#include "verify/report.hpp"

namespace alibi::verify {

/// Errors: as verify().
[[nodiscard]] Result<Report> verify_bundle(const std::filesystem::path& path, const Inputs& inputs);

}  // namespace alibi::verify
