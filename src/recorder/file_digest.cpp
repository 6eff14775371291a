#include "recorder/file_digest.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "seal/bytes.hpp"
#include "store/sha256.hpp"

namespace alibi::recorder {
namespace {

constexpr std::size_t kChunkBytes = 1U << 20;
constexpr std::size_t kPageBytes = 4096;

/// No page of the range is in the page cache now.
bool is_uncached(int fd, off_t offset, std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, offset);
  if (memory == MAP_FAILED) return false;
  std::array<unsigned char, kChunkBytes / kPageBytes> pages{};
  const bool is_known = ::mincore(memory, size, pages.data()) == 0;
  ::munmap(memory, size);
  return is_known &&
         std::ranges::none_of(pages, [](unsigned char page) { return (page & 1U) != 0; });
}

Result<std::size_t> read_fully(int fd, off_t offset, std::string& to) {
  std::size_t filled = 0;
  while (filled < to.size()) {
    const ssize_t size =
        ::pread(fd, to.data() + filled, to.size() - filled, offset + static_cast<off_t>(filled));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno(errno, "read an executable");
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  return filled;
}

Result<FileIdentity> identity_of_fd(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(errno, "stat an executable");
  if (!S_ISREG(status.st_mode))
    return fail(Errc::Unsupported, "an executable that is no regular file");
  return identity_of(status);
}

}  // namespace

FileIdentity identity_of(const struct stat& status) {
  const auto ns = [](const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; };
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          ns(status.st_mtim), ns(status.st_ctim)};
}

Result<std::string> sha256_of_file(int fd, const std::function<bool()>& should_stop) {
  const auto before = identity_of_fd(fd);
  if (!before) return std::unexpected(before.error());
  if (before->size_bytes > kMaxDigestBytes)
    return fail(Errc::Unsupported, "an executable above 4 GiB");
  store::Sha256 sha;
  std::string chunk(kChunkBytes, '\0');
  for (off_t offset = 0;; offset += static_cast<off_t>(kChunkBytes)) {
    if (should_stop()) return fail(Errc::Denied, "stopped");
    const bool was_uncached = is_uncached(fd, offset, kChunkBytes);
    const auto size = read_fully(fd, offset, chunk);
    if (!size) return std::unexpected(size.error());
    if (was_uncached)
      ::posix_fadvise(fd, offset, static_cast<off_t>(kChunkBytes), POSIX_FADV_DONTNEED);
    sha.add(std::string_view(chunk).substr(0, *size));
    if (*size < kChunkBytes) break;
  }
  const auto after = identity_of_fd(fd);
  if (!after) return std::unexpected(after.error());
  // A link made or removed, or a new owner, changes ctime but no content.
  const bool is_same =
      after->size_bytes == before->size_bytes && after->mtime_ns == before->mtime_ns;
  if (!is_same) return fail(Errc::Corrupt, "the executable changed while it was read");
  return seal::to_hex(sha.finish());
}

}  // namespace alibi::recorder
