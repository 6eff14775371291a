#pragma once
// The files of an encrypted log's segment, in memory and on the disk: what goes when.
// docs/seal-format.md section 10. Thread: the packer's.

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"

namespace alibi::store {

/// The encrypted file of the segment is durable, and the leaf about it: its blocks go, then
/// everything of it in memory. Errors: Io; to be called again.
[[nodiscard]] Status remove_opened(Disk& disk, const Layout& layout, SealStream stream,
                                   std::uint64_t segment);

/// By rule: everything of it on the disk. Nothing to do where the log is not encrypted.
[[nodiscard]] Status remove_encrypted(Disk& disk, const Layout& layout, SealStream stream,
                                      std::uint64_t segment);

/// When the latest of its files on the disk was written. Empty: there is none.
[[nodiscard]] std::optional<WallNs> last_written(Disk& disk, const Layout& layout,
                                                 SealStream stream, std::uint64_t segment);

}  // namespace alibi::store
