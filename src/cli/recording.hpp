#pragma once
// Whether a recorder is at work on a log directory, and what it says of itself.

#include <filesystem>

#include "base/result.hpp"

namespace alibi::cli {

/// True while a recorder holds the lock of the directory; a state file without
/// a lock is what a dead recorder left behind. A directory that does not exist
/// is not being recorded into. Errors: Denied, Io.
Result<bool> is_locked(const std::filesystem::path& directory);

/// The whole state file, at most 1 MiB. Errors: NotFound, Denied, Io.
Result<std::string> read_state_file(const std::filesystem::path& directory);

/// Bytes of all files under the directory; 0 when there is none.
[[nodiscard]] std::uint64_t bytes_under(const std::filesystem::path& directory);

}  // namespace alibi::cli
