#include "packet/read_window.hpp"

#include <algorithm>

namespace alibi::packet {
namespace {

constexpr std::size_t kStartBytes = 64 << 10;

}  // namespace

void ReadWindow::make_room(std::size_t bytes) {
  if (begin_ > 0) {
    std::memmove(data_.data(), data_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ < data_.size()) return;
  data_.resize(std::max(kStartBytes, std::min(2 * data_.size(), bytes)));
}

Result<bool> ReadWindow::fill(std::size_t bytes) {
  while (end_ - begin_ < bytes) {
    make_room(bytes);
    const auto got = input_->read(std::span(data_).subspan(end_));
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return false;
    end_ += *got;
  }
  return true;
}

}  // namespace alibi::packet
