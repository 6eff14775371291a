#pragma once
// The steps of docs/seal-format.md section 9 on a log, each in a file of its own,
// in one pass over the leaves. Thread: one.

#include <filesystem>

#include "base/result.hpp"
#include "verify/directory.hpp"
#include "verify/inputs.hpp"
#include "verify/report.hpp"

namespace alibi::verify {

/// Errors: as verify().
[[nodiscard]] Result<Report> verify_log(const std::filesystem::path& path, const Inputs& inputs,
                                        Progress& progress);

}  // namespace alibi::verify
