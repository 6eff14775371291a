#pragma once
// Bytes at the end of a segment that are no whole record are kept apart, not
// cut in silence. docs/log-format.md section 4.

#include <cstdint>
#include <filesystem>

#include "base/result.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"

namespace alibi::store {

struct TornTail {
  std::uint64_t bytes = 0;
  std::filesystem::path kept_in;  ///< empty when there was nothing
};

/// Copies what follows `end` in a segment's file to quarantine/ (durable), then
/// cuts it off. Errors: Io; the file is then as it was.
[[nodiscard]] Result<TornTail> move_torn_tail(Disk& disk, const Layout& layout,
                                              const std::filesystem::path& path, std::uint64_t end);

}  // namespace alibi::store
