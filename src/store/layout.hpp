#pragma once
// Names and states of the files of a log directory: docs/log-format.md section 1.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/disk.hpp"

namespace alibi::store {

/// No line is longer; the largest argument vector Linux accepts stays far below.
inline constexpr std::uint64_t kMaxLineBytes = 32ULL << 20;

struct Layout {
  std::filesystem::path directory;

  [[nodiscard]] std::filesystem::path lock() const { return directory / "lock"; }
  [[nodiscard]] std::filesystem::path reserve() const { return directory / "reserve"; }
  [[nodiscard]] std::filesystem::path events() const { return directory / "events"; }
  [[nodiscard]] std::filesystem::path packets() const { return directory / "packets"; }
  [[nodiscard]] std::filesystem::path quarantine() const { return directory / "quarantine"; }

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
};

struct SegmentFiles {
  std::uint64_t first_seq = 0;
  bool has_csv = false;
  bool has_packed = false;
  bool has_index = false;
  std::uint64_t bytes = 0;  ///< of all its files
};

/// All segments, oldest first. Names that are none of ours are passed over.
[[nodiscard]] Result<std::vector<SegmentFiles>> list_segments(Disk& disk, const Layout& layout);

struct PacketFiles {
  std::uint64_t first_packet = 0;
  bool has_plain = false;
  bool has_packed = false;
  std::uint64_t bytes = 0;
};

/// The same for packets; nothing where the log has none.
[[nodiscard]] Result<std::vector<PacketFiles>> list_packet_files(Disk& disk, const Layout& layout);

}  // namespace alibi::store
