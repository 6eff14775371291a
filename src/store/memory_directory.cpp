#include "store/memory_directory.hpp"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "store/disk.hpp"

namespace alibi::store {
namespace {

namespace fs = std::filesystem;

/// Something is mounted on `path`.
Result<bool> is_mounted(const fs::path& path) {
  struct stat own {};
  struct stat parent {};
  if (::stat(path.c_str(), &own) != 0) {
    if (errno == ENOENT) return false;
    return fail_errno(errno, "stat " + path.string());
  }
  if (::stat(path.parent_path().c_str(), &parent) != 0)
    return fail_errno(errno, "stat " + path.parent_path().string());
  return own.st_dev != parent.st_dev;
}

Result<bool> is_memory(const fs::path& path) {
  const auto mounted = is_mounted(path);
  if (!mounted || !*mounted) return mounted;
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0) return fail_errno(errno, "statfs " + path.string());
  if (status.f_type != TMPFS_MAGIC)
    return fail(Errc::Denied, path.string() + " is a mount, but no tmpfs: unmount it");
  return true;
}

}  // namespace

Status mount_memory(const Layout& layout, std::uint64_t bytes) {
  if (!layout.is_encrypted()) return {};
  const std::string path = layout.content.string();
  const auto is_there = is_memory(layout.content);
  if (!is_there) return std::unexpected(is_there.error());
  if (*is_there) return {};
  if (auto done = real_disk().make_directory(layout.content); !done) return done;
  std::error_code error;
  if (!fs::is_empty(layout.content, error))
    return fail(Errc::Denied, path + " holds files that are on the disk: remove them");
  const std::string options = fmt::format("mode=0700,size={}", bytes);
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  int failed = ::mount("alibi", path.c_str(), "tmpfs", kFlags, (options + ",noswap").c_str());
  if (failed != 0 && errno == EINVAL)  // older than Linux 6.4
    failed = ::mount("alibi", path.c_str(), "tmpfs", kFlags, options.c_str());
  if (failed == 0) return {};
  if (errno == EPERM || errno == EACCES)
    return fail(
        Errc::Denied,
        fmt::format("this log is encrypted, and to mount the memory that its open part "
                    "stands in ({}) needs CAP_SYS_ADMIN: run `alibi record --mount` as root",
                    path));
  return fail_errno(errno, "mount a tmpfs on " + path);
}

Status require_memory(const Layout& layout) {
  if (!layout.is_encrypted()) return {};
  const auto is_there = is_memory(layout.content);
  if (!is_there) return std::unexpected(is_there.error());
  if (*is_there) return {};
  return fail(Errc::Denied,
              fmt::format("this log is encrypted, and {} is no memory: nothing is written there",
                          layout.content.string()));
}

Status unmount_memory(const Layout& layout) {
  if (!layout.is_encrypted()) return {};
  const auto is_there = is_memory(layout.content);
  if (!is_there) return std::unexpected(is_there.error());
  if (!*is_there) return {};
  // Whoever looks into it now keeps it busy, but sees nothing of what was there.
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(layout.content, error))
    fs::remove_all(entry.path(), error);
  if (::umount2(layout.content.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
    return fail_errno(errno, "unmount " + layout.content.string());
  return {};
}

}  // namespace alibi::store
