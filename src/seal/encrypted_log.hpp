#pragma once
// What an encrypted log writes to the disk: docs/seal-format.md section 10. Nothing here
// can read it again. Thread: one per file.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "seal/item.hpp"
#include "seal/leaf.hpp"
#include "seal/positions.hpp"
#include "seal/seal_layout.hpp"
#include "store/disk.hpp"

namespace alibi::seal {

/// Those of identity/recipients; none where the log is not encrypted. Errors: Corrupt where
/// that is not what the genesis leaf says; Io.
[[nodiscard]] Result<std::vector<std::string>> read_recipients(store::Disk& disk,
                                                               const SealLayout& layout,
                                                               const Leaf& genesis);

/// One block of an open segment, and what opens it.
struct LiveBlock {
  SegmentId segment;
  std::uint64_t number = 0;
  Seed seed{};  ///< of the block
  std::string_view bytes;
};
/// To live/, durable with its name. Takes the place of one with that number, which no leaf
/// knows. Errors: Io.
[[nodiscard]] Status write_live(store::Disk& disk, const SealLayout& layout,
                                std::span<const std::string> recipients, const LiveBlock& block);

/// The packed form in memory and the seed of its segment, as a file on the disk, durable with
/// its name. One that is there already stays. Errors: Io; Corrupt where the seed is none.
struct EncryptedFile {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< 32 bytes
};
[[nodiscard]] Result<EncryptedFile> encrypt_packed(store::Disk& disk, const SealLayout& layout,
                                                   std::span<const std::string> recipients,
                                                   SegmentId segment);

/// Removes encrypted files that no `segment` leaf knows: their blocks are in live/. Errors: Io.
[[nodiscard]] Status remove_unsealed(store::Disk& disk, const SealLayout& layout,
                                     const Positions& positions);

}  // namespace alibi::seal
