#pragma once
// Reads leaves and notes of a seal from its files, bounded, in order.
// Thread: one per object. Memory: about a megabyte of leaves, one file of notes.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "seal/note.hpp"
#include "seal/seal_layout.hpp"
#include "store/disk.hpp"

namespace alibi::seal {

/// Calls `visit` with the index and the line (LF included) of each leaf in
/// [from, to), until it returns false. Returns the index after the last leaf that
/// was visited: less than `to` when leaves or a file of them are missing, or the last
/// one is torn. Errors: Io; Corrupt when a line is longer than allowed or a file has
/// too many.
[[nodiscard]] Result<std::uint64_t> for_each_leaf(
    store::Disk& disk, const SealLayout& layout, std::uint64_t from, std::uint64_t to,
    const std::function<bool(std::uint64_t index, std::string_view line)>& visit);

/// All final checkpoints, in order. Bytes that are no note end the reading of their file
/// (docs/seal-format.md, details of steps 6 and 7).
/// Errors: Io; Corrupt when a file is larger than it can be.
[[nodiscard]] Result<std::vector<Note>> read_epoch_notes(store::Disk& disk,
                                                         const SealLayout& layout);
/// One file of them, or of cosigned ones; none where it is not there. Errors: the same.
[[nodiscard]] Result<std::vector<Note>> read_note_set(store::Disk& disk,
                                                      const std::filesystem::path& path);
/// First leaves of the sets that log/cosigned has, in order. Errors: Io.
[[nodiscard]] Result<std::vector<std::uint64_t>> list_cosigned(store::Disk& disk,
                                                               const SealLayout& layout);

}  // namespace alibi::seal
