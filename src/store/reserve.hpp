#pragma once
// A file of blocks set aside, given back when the disk is full, so that the log
// can say so and go on for a while. docs/log-format.md section 4.

#include <cstdint>

#include "base/result.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"

namespace alibi::store {

class Reserve {
 public:
  Reserve(Disk& disk, const Layout& layout, std::uint64_t bytes)
      : disk_(disk), path_(layout.reserve()), bytes_(bytes) {}

  /// Sets the full reserve aside. Errors: Io (no space for it).
  /// A file system that cannot reserve blocks has no reserve; that is no error.
  Status fill();
  /// Gives back all but what the last words of close() need. False when there
  /// was nothing to give.
  bool release();
  /// Gives back the rest.
  void release_rest();

 private:
  bool shrink_to(std::uint64_t bytes);

  Disk& disk_;
  std::filesystem::path path_;
  std::uint64_t bytes_;
  std::uint64_t held_ = 0;
};

}  // namespace alibi::store
