#pragma once
// The program age, which opens encrypted files for those who have an identity
// (https://age-encryption.org/v1): nothing here decrypts by itself.

#include <sys/types.h>

#include <filesystem>

#include "base/result.hpp"

namespace alibi::store {

/// Starts `age -d -i identity` between two descriptors of the caller, who waits for
/// it (wait_for_program). Errors: Unsupported (not installed), Io.
[[nodiscard]] Result<pid_t> start_age(int from, int to, const std::filesystem::path& identity);

/// Its wait status (waitpid(2)); 0: it opened everything.
[[nodiscard]] int wait_for_program(pid_t child);

}  // namespace alibi::store
