#pragma once
// One recorder per log directory: an exclusive flock(2) on the file `lock`,
// which holds the pid of the holder as text. The kernel drops the lock when the
// holder dies, however it dies; the file stays.

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "store/layout.hpp"

namespace alibi::store {

/// The lock is held until the descriptor is closed. Errors: Denied (somebody
/// holds it: the message names its pid), Io.
[[nodiscard]] Result<UniqueFd> lock_directory(const Layout& layout);

}  // namespace alibi::store
