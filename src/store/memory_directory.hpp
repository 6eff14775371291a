#pragma once
// The memory that the open part of an encrypted log stands in: a tmpfs on `open/` of its
// directory (docs/seal-format.md section 10). It outlives the process that mounted it, and
// ends with the boot. Thread: any, under the lock of the directory.

#include <cstdint>
#include <filesystem>

#include "base/result.hpp"
#include "store/layout.hpp"

namespace alibi::store {

/// Mounts it where it is not yet: `noswap` where Linux takes that (6.4), private to root, and
/// no larger than `bytes`. Nothing to do for a log that is not encrypted. Errors: Denied (not
/// permitted, or something else is in its place: the message says what to do), Io.
[[nodiscard]] Status mount_memory(const Layout& layout, std::uint64_t bytes);

/// Denied where the records of an encrypted log would not be in memory.
[[nodiscard]] Status require_memory(const Layout& layout);

/// Forgets what is in it, and unmounts it. Only where everything is sealed.
[[nodiscard]] Status unmount_memory(const Layout& layout);

}  // namespace alibi::store
