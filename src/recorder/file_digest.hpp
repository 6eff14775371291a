#pragma once
// SHA-256 of a file's content, and the identity by which a file is recognised.
//
// Reading is polite: parts that were not in the page cache before are dropped
// from it again. Blocks on the disk; for background threads.

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace alibi::recorder {

/// Changes whenever the content does: the kernel updates ctime on every write.
struct FileIdentity {
  std::uint64_t device = 0;  ///< as st_dev of stat(2), see device_from_kernel
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  auto operator<=>(const FileIdentity&) const = default;
};

[[nodiscard]] FileIdentity identity_of(const struct stat& status);

/// super_block.s_dev (12 bits major, 20 bits minor) as stat(2) writes it.
[[nodiscard]] inline std::uint64_t device_from_kernel(std::uint32_t s_dev) {
  return makedev(s_dev >> 20U, s_dev & 0xFFFFFU);
}

inline constexpr std::uint64_t kMaxDigestBytes = 4ULL << 30;

/// Lower-case hexadecimal SHA-256 of the whole regular file open for reading as
/// `fd`. `should_stop` is asked between chunks of 1 MiB.
///
/// Errors: Unsupported (larger than kMaxDigestBytes, or no regular file),
/// Corrupt (the file changed meanwhile), Denied (stopped), Io.
[[nodiscard]] Result<std::string> sha256_of_file(int fd, const std::function<bool()>& should_stop);

}  // namespace alibi::recorder

template <>
struct std::hash<alibi::recorder::FileIdentity> {
  std::size_t operator()(const alibi::recorder::FileIdentity& file) const noexcept {
    return std::hash<std::uint64_t>{}((file.inode * 0x9E3779B97F4A7C15ULL) ^
                                      (static_cast<std::uint64_t>(file.ctime_ns) * 31) ^
                                      file.device);
  }
};
