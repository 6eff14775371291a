#pragma once
// A file that only grows, in whole pieces: what append() accepted is durable,
// and of what it refused nothing stays. docs/seal-format.md section 8.
//
// After a sync that failed a second one can succeed although bytes are gone. So
// the file is not used again: what was durable before is copied to a new file,
// which takes its name, and what was refused can be appended again.
//
// Thread: one per object. Errors: Io.

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "store/disk.hpp"

namespace alibi::seal {

class AppendFile {
 public:
  /// The first `bytes` bytes are durable, others are not there.
  AppendFile(store::Disk& disk, std::filesystem::path path, std::uint64_t bytes)
      : disk_(&disk), path_(std::move(path)), bytes_(bytes) {}

  Status append(std::string_view piece);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  Status open();
  Status replace();

  store::Disk* disk_;
  std::filesystem::path path_;
  std::uint64_t bytes_;
  UniqueFd fd_;
  bool is_doubtful_ = false;  ///< what follows `bytes_` is not known
};

}  // namespace alibi::seal
