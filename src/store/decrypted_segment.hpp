#pragma once
// A segment of an encrypted log, opened with an age identity by whoever has one: never on the
// host that writes the log. What comes out is in memory alone. docs/seal-format.md section 10.
// Thread: any. Memory: the whole packed file, or the blocks of an open segment.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"

namespace alibi::store {

struct DecryptedSegment {
  UniqueFd fd;                 ///< of memory (memfd_create)
  bool is_packed = false;      ///< as a .csv.zst or .pcapng.zst; otherwise plain, from live/
  std::filesystem::path from;  ///< for messages
  std::string seed;            ///< of a closed segment, 32 bytes
  std::vector<std::string> block_seeds;  ///< of each block from live/, hex

  /// To open it by name.
  [[nodiscard]] std::filesystem::path path() const;
};

/// The closed file, or what live/ has. Errors: NotFound; Corrupt where `age` does not open it
/// with this identity, or it is not what belongs there; Unsupported without the program age.
[[nodiscard]] Result<DecryptedSegment> decrypt_segment(Disk& disk, const Layout& layout,
                                                       SealStream stream, std::uint64_t segment,
                                                       const std::filesystem::path& identity);

}  // namespace alibi::store
