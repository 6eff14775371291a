#include "store/reserve.hpp"

#include <fcntl.h>

#include <algorithm>

namespace alibi::store {
namespace {

constexpr std::uint64_t kLastWordsBytes = 64ULL << 10;

}  // namespace

Status Reserve::fill() {
  if (held_ == bytes_) return {};
  const auto fd = disk_.open(path_, O_WRONLY | O_CREAT);
  if (!fd) return std::unexpected(fd.error());
  const auto allocated = disk_.allocate(fd->get(), bytes_);
  if (!allocated && allocated.error().code != Errc::Unsupported) {
    // Some file systems keep what they could allocate before they ran out.
    (void)disk_.truncate(fd->get(), held_);
    return allocated;
  }
  held_ = bytes_;
  return {};
}

bool Reserve::release() { return held_ > kLastWordsBytes ? shrink_to(kLastWordsBytes) : false; }

void Reserve::release_rest() {
  if (held_ > 0) shrink_to(0);
}

bool Reserve::shrink_to(std::uint64_t bytes) {
  held_ = bytes;
  const auto fd = disk_.open(path_, O_WRONLY | O_CREAT);
  return fd && disk_.truncate(fd->get(), bytes).has_value();
}

}  // namespace alibi::store
