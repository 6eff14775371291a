#include "verify/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

namespace alibi::verify {
namespace {

/// NONBLOCK: a named pipe must not hold up the open that finds out what it is.
constexpr int kFileFlags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

std::unexpected<Error> failed(int sys_errno, const std::string& name) {
  if (sys_errno == ELOOP) return fail(Errc::Corrupt, name + " is a symbolic link");
  if (sys_errno == ENOTDIR) return fail(Errc::Corrupt, name + " is no directory");
  return fail_errno(sys_errno, "open " + name);
}

}  // namespace

Result<Directory> Directory::open(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), kDirectoryFlags));
  if (!fd.is_open()) return fail_errno(errno, "open " + path.string());
  return Directory(std::move(fd));
}

Result<Directory> Directory::directory(const std::string& name) const {
  UniqueFd fd(::openat(fd_.get(), name.c_str(), kDirectoryFlags | O_NOFOLLOW));
  if (!fd.is_open()) return failed(errno, name);
  return Directory(std::move(fd));
}

Result<OpenFile> Directory::file(const std::string& name) const {
  UniqueFd fd(::openat(fd_.get(), name.c_str(), kFileFlags));
  if (!fd.is_open()) return failed(errno, name);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "look at " + name);
  if (!S_ISREG(status.st_mode)) return fail(Errc::Corrupt, name + " is no regular file");
  return OpenFile{std::move(fd), static_cast<std::uint64_t>(status.st_size)};
}

Result<std::string> Directory::read(const std::string& name, std::uint64_t limit) const {
  auto opened = file(name);
  if (!opened) return std::unexpected(opened.error());
  std::string bytes;
  const auto got = read_fully(opened->fd.get(), bytes, limit + 1);
  if (!got) return during("read " + name, got.error());
  if (*got > limit)
    return fail(Errc::Corrupt, name + " is larger than " + std::to_string(limit) + " bytes");
  return bytes;
}

Result<std::vector<Directory::Entry>> Directory::list() const {
  UniqueFd fd(::openat(fd_.get(), ".", kDirectoryFlags));
  if (!fd.is_open()) return fail_errno(errno, "open a directory");
  const auto close_directory = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close_directory)> directory(::fdopendir(fd.release()),
                                                                  close_directory);
  if (!directory) return fail_errno(errno, "read a directory");
  std::vector<Entry> entries;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat status {};
    if (::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // a recorder removed it meanwhile
      return fail_errno(errno, "look at " + name);
    }
    if (S_ISLNK(status.st_mode)) return fail(Errc::Corrupt, name + " is a symbolic link");
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
      return fail(Errc::Corrupt, name + " is neither a file nor a directory");
    if (entries.size() == kEntriesMax) return fail(Errc::Corrupt, "a directory has too many files");
    entries.push_back({name, S_ISDIR(status.st_mode), static_cast<std::uint64_t>(status.st_size)});
    errno = 0;
  }
  if (errno != 0) return fail_errno(errno, "read a directory");
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

Result<std::size_t> read_fully(int fd, std::string& to, std::size_t bytes) {
  constexpr std::size_t kStep = 1U << 20;
  to.clear();
  while (to.size() < bytes) {
    const std::size_t had = to.size();
    to.resize(had + std::min(kStep, bytes - had));
    const ssize_t got = ::read(fd, to.data() + had, to.size() - had);
    if (got < 0) {
      to.resize(had);
      if (errno == EINTR) continue;
      return fail_errno(errno, "read");
    }
    to.resize(had + static_cast<std::size_t>(got));
    if (got == 0) break;
  }
  return to.size();
}

}  // namespace alibi::verify
