#include "store/disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

namespace alibi::store {
namespace {

std::unexpected<Error> failed(std::string_view action, const Disk::Path& path) {
  return fail_errno(errno, std::string(action) + " " + path.string());
}

class RealDisk final : public Disk {
 public:
  Result<UniqueFd> open(const Path& path, int flags) override {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    if (!fd.is_open()) return failed("open", path);
    return fd;
  }

  Result<std::size_t> write(int fd, std::string_view bytes) override {
    while (true) {
      const ssize_t written = ::write(fd, bytes.data(), bytes.size());
      if (written > 0) return static_cast<std::size_t>(written);
      if (written == 0) return fail_errno(EIO, "write");
      if (errno != EINTR) return fail_errno(errno, "write");
    }
  }

  Result<std::size_t> read(int fd, std::span<char> to, std::uint64_t offset) override {
    while (true) {
      const ssize_t got = ::pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return fail_errno(errno, "read");
    }
  }

  Result<std::uint64_t> size(int fd) override {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return fail_errno(errno, "stat");
    return static_cast<std::uint64_t>(status.st_size);
  }

  Status truncate(int fd, std::uint64_t bytes) override {
    if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return fail_errno(errno, "truncate");
    return {};
  }

  Status allocate(int fd, std::uint64_t bytes) override {
    if (::fallocate(fd, 0, 0, static_cast<off_t>(bytes)) != 0) return fail_errno(errno, "allocate");
    return {};
  }

  Status sync_data(int fd) override {
    if (::fdatasync(fd) != 0) return fail_errno(errno, "fdatasync");
    return {};
  }

  Status sync_directory(const Path& path) override {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.is_open() || ::fsync(fd.get()) != 0) return failed("sync directory", path);
    return {};
  }

  Status rename(const Path& from, const Path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from);
    return {};
  }

  Status remove(const Path& path) override {
    if (::unlink(path.c_str()) != 0) return failed("remove", path);
    return {};
  }

  Status make_directory(const Path& path) override {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return failed("create directory", path);
    return {};
  }

  Result<std::vector<Entry>> list(const Path& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
    if (!directory) return failed("open directory", path);
    std::vector<Entry> entries;
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
      struct stat status {};
      // A file can vanish between the two calls: the packer removes what it has packed.
      if (::fstatat(::dirfd(directory.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISREG(status.st_mode)) {
        entries.push_back({entry->d_name, static_cast<std::uint64_t>(status.st_size)});
      }
      errno = 0;
    }
    if (errno != 0) return failed("read directory", path);
    return entries;
  }
};

}  // namespace

Disk& real_disk() {
  static RealDisk disk;
  return disk;
}

Status write_all(Disk& disk, int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = disk.write(fd, bytes);
    if (!written) return std::unexpected(written.error());
    bytes.remove_prefix(std::min(*written, bytes.size()));
  }
  return {};
}

Result<std::string> read_file(Disk& disk, const Disk::Path& path, std::uint64_t limit) {
  const auto fd = disk.open(path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  const auto size = disk.size(fd->get());
  if (!size) return std::unexpected(size.error());
  if (*size > limit) return fail(Errc::Corrupt, path.string() + " is larger than it can be");
  std::string bytes(*size, '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto got = disk.read(fd->get(), std::span(bytes).subspan(done), done);
    if (!got) return during("read " + path.string(), got.error());
    if (*got == 0) break;
    done += *got;
  }
  bytes.resize(done);
  return bytes;
}

Status write_file(Disk& disk, const Disk::Path& path, std::string_view bytes) {
  const Disk::Path temporary = path.string() + ".tmp";
  const auto write = [&]() -> Status {
    const auto fd = disk.open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!fd) return std::unexpected(fd.error());
    if (auto done = write_all(disk, fd->get(), bytes); !done) return done;
    return disk.sync_data(fd->get());
  };
  if (auto done = write(); !done) {
    (void)disk.remove(temporary);
    return during("write " + path.string(), done.error());
  }
  return disk.rename(temporary, path);
}

}  // namespace alibi::store
