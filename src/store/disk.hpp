#pragma once
// The file operations the store needs, as an interface, so that tests can make
// any of them fail, cut writes short, or forget what was never synced.
//
// real_disk() is the kernel's. Thread: any; the object has no state.
// Errors: those of errc_of; the message names the call and the path or file.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::store {

class Disk {
 public:
  using Path = std::filesystem::path;
  struct Entry {
    std::string name;
    std::uint64_t bytes = 0;
  };

  virtual ~Disk() = default;

  /// `flags` as of open(2); O_CLOEXEC is added, new files get mode 0600.
  virtual Result<UniqueFd> open(const Path& path, int flags) = 0;
  /// Appends at the descriptor's position; may write less than asked, never 0.
  virtual Result<std::size_t> write(int fd, std::string_view bytes) = 0;
  /// Reads at `offset`; 0 is the end of the file.
  virtual Result<std::size_t> read(int fd, std::span<char> to, std::uint64_t offset) = 0;
  virtual Result<std::uint64_t> size(int fd) = 0;
  virtual Status truncate(int fd, std::uint64_t bytes) = 0;
  /// Reserves blocks so that the file is `bytes` long.
  virtual Status allocate(int fd, std::uint64_t bytes) = 0;
  virtual Status sync_data(int fd) = 0;
  virtual Status sync_directory(const Path& path) = 0;
  virtual Status rename(const Path& from, const Path& to) = 0;
  /// NotFound when it is not there.
  virtual Status remove(const Path& path) = 0;
  /// Mode 0700; an existing directory is fine.
  virtual Status make_directory(const Path& path) = 0;
  /// Regular files directly in `path`.
  virtual Result<std::vector<Entry>> list(const Path& path) = 0;
};

[[nodiscard]] Disk& real_disk();

/// Disk::write until all of it is written. On an error part of it may be.
[[nodiscard]] Status write_all(Disk& disk, int fd, std::string_view bytes);
/// The whole file. Errors: Corrupt when it is larger than `limit`.
[[nodiscard]] Result<std::string> read_file(Disk& disk, const Disk::Path& path,
                                            std::uint64_t limit);
/// Writes, syncs and renames, so that `path` is never seen in part.
[[nodiscard]] Status write_file(Disk& disk, const Disk::Path& path, std::string_view bytes);

/// True for errors that space or quota set free can cure.
[[nodiscard]] inline bool is_full(const Error& error) {
  return error.sys_errno == ENOSPC || error.sys_errno == EDQUOT;
}

}  // namespace alibi::store
