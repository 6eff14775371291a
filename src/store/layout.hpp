#pragma once
// Names and states of the files of a log directory: docs/log-format.md section 1.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/disk.hpp"
#include "store/sealing.hpp"

namespace alibi::store {

/// No line is longer; the largest argument vector Linux accepts stays far below.
inline constexpr std::uint64_t kMaxLineBytes = 32ULL << 20;

struct Layout {
  std::filesystem::path directory;
  /// Where records stand as they are: `directory`; where the log is encrypted, `open/` in it,
  /// which is memory (docs/seal-format.md section 10).
  std::filesystem::path content = directory;

  /// As identity/recipients and the genesis leaf on the disk tell: one of them is enough.
  [[nodiscard]] static Layout of(const std::filesystem::path& directory);
  [[nodiscard]] bool is_encrypted() const { return content != directory; }

  [[nodiscard]] std::filesystem::path lock() const { return directory / "lock"; }
  [[nodiscard]] std::filesystem::path reserve() const { return directory / "reserve"; }
  [[nodiscard]] std::filesystem::path events() const { return content / "events"; }
  [[nodiscard]] std::filesystem::path packets() const { return content / "packets"; }
  [[nodiscard]] std::filesystem::path quarantine() const { return content / "quarantine"; }
  [[nodiscard]] std::filesystem::path inbox() const { return content / "inbox"; }
  [[nodiscard]] std::filesystem::path live() const { return directory / "live"; }

  /// Whether this log is sealed (docs/seal-format.md section 2).
  [[nodiscard]] bool has_identity() const;

  /// Being written, or waiting to be packed.
  [[nodiscard]] std::filesystem::path csv(std::uint64_t first_seq) const;
  /// Where the blocks of a .csv end.
  [[nodiscard]] std::filesystem::path blocks(std::uint64_t first_seq) const;
  /// Packed; never changes again.
  [[nodiscard]] std::filesystem::path packed(std::uint64_t first_seq) const;
  /// Filters over a packed segment.
  [[nodiscard]] std::filesystem::path index(std::uint64_t first_seq) const;
  /// Packets, being written or waiting to be packed; and packed.
  [[nodiscard]] std::filesystem::path pcapng(std::uint64_t first_packet) const;
  [[nodiscard]] std::filesystem::path pcapng_packed(std::uint64_t first_packet) const;
  /// Of an encrypted log: a closed file, on the disk.
  [[nodiscard]] std::filesystem::path encrypted(SealStream stream, std::uint64_t segment) const;
  /// One block of a segment that is not closed.
  [[nodiscard]] std::filesystem::path live(SealStream stream, std::uint64_t segment,
                                           std::uint64_t block) const;
};

struct SegmentFiles {
  std::uint64_t first_seq = 0;
  bool has_csv = false;
  bool has_packed = false;
  bool has_index = false;
  std::uint64_t bytes = 0;     ///< of all its files
  bool has_encrypted = false;  ///< closed, or blocks of it
};

/// All segments, oldest first. Names that are none of ours are passed over.
[[nodiscard]] Result<std::vector<SegmentFiles>> list_segments(Disk& disk, const Layout& layout);

struct PacketFiles {
  std::uint64_t first_packet = 0;
  bool has_plain = false;
  bool has_packed = false;
  std::uint64_t bytes = 0;
  bool has_encrypted = false;
};

struct LiveFile {
  SealStream stream = SealStream::Events;
  std::uint64_t segment = 0;
  std::uint64_t block = 0;
  std::uint64_t bytes = 0;
};

/// STREAM-NUMBER-BLOCK.age as Layout::live spells it, `bytes` 0. No other spelling of the
/// numbers is taken: a block has one name.
[[nodiscard]] std::optional<LiveFile> parse_live_name(std::string_view name);

/// By segment and block; none where the log is not encrypted.
[[nodiscard]] Result<std::vector<LiveFile>> list_live(Disk& disk, const Layout& layout);

/// The same for packets; nothing where the log has none.
[[nodiscard]] Result<std::vector<PacketFiles>> list_packet_files(Disk& disk, const Layout& layout);

}  // namespace alibi::store
