#pragma once
// The verdict on a log or a bundle: docs/seal-format.md section 9,
// docs/disclosure-format.md section 4. Reads files only, never an index.
// Thread: one caller; works in Inputs::threads of its own.

#include <filesystem>

#include "base/result.hpp"
#include "verify/inputs.hpp"
#include "verify/report.hpp"

namespace alibi::verify {

/// A bundle has a file claims.csv. Errors: NotFound, Denied, Io, Unsupported,
/// Usage: no verdict could be reached, and none is given.
[[nodiscard]] Result<Report> verify(const std::filesystem::path& path, const Inputs& inputs,
                                    Progress& progress);

/// Whether a verdict other than UNSEALED needs a key.
[[nodiscard]] Result<bool> needs_key(const std::filesystem::path& path);

}  // namespace alibi::verify
