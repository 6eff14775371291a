#pragma once
// Reads what a stranger prepared: every name is opened beneath its directory,
// symbolic links are never followed, only regular files are read, and never more
// than a limit. Thread: any. Errors: NotFound; Corrupt (a link, a device, too
// large); Io, Denied.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace alibi::verify {

inline constexpr std::size_t kEntriesMax = 1'000'000;  ///< of one directory

struct OpenFile {
  UniqueFd fd;
  std::uint64_t bytes = 0;  ///< when it was opened
};

class Directory {
 public:
  /// The one that the user named; a link may lead to it.
  static Result<Directory> open(const std::filesystem::path& path);
  [[nodiscard]] Result<Directory> directory(const std::string& name) const;
  [[nodiscard]] Result<OpenFile> file(const std::string& name) const;
  [[nodiscard]] Result<std::string> read(const std::string& name, std::uint64_t limit) const;

  struct Entry {
    std::string name;
    bool is_directory = false;
    std::uint64_t bytes = 0;
  };
  /// By name. Corrupt for anything but regular files and directories.
  [[nodiscard]] Result<std::vector<Entry>> list() const;

 private:
  explicit Directory(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Reads until `to` is full or the file ends.
[[nodiscard]] Result<std::size_t> read_fully(int fd, std::string& to, std::size_t bytes);

}  // namespace alibi::verify
