#pragma once
// Rewrites a small file that others may look at any moment: they see the old
// text or the new one. Not durable: it tells what a process does now, and is worth
// nothing after a crash. What must last is written by Disk (store/disk.hpp).
// Thread: any, one writer for each path. Mode 0600, no symbolic link is followed.

#include <filesystem>
#include <string_view>

#include "base/result.hpp"

namespace alibi::store {

/// By way of PATH.tmp. Errors: of the call that failed; the old text then stays.
[[nodiscard]] Status replace_file(const std::filesystem::path& path, std::string_view text);

}  // namespace alibi::store
