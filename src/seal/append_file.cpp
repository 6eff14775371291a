#include "seal/append_file.hpp"

#include <fcntl.h>

#include <span>
#include <string>

namespace alibi::seal {

namespace {

constexpr std::uint64_t kReadBytesMax = 1ULL << 30;

}  // namespace

Status AppendFile::open() {
  if (fd_.is_open()) return {};
  auto fd = disk_->open(path_, O_RDWR | O_CREAT | O_APPEND);
  if (!fd) return std::unexpected(fd.error());
  if (bytes_ == 0) {
    if (auto done = disk_->sync_directory(path_.parent_path()); !done) return done;
  }
  fd_ = std::move(*fd);
  return {};
}

Status AppendFile::replace() {
  auto bytes = store::read_file(*disk_, path_, kReadBytesMax);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() < bytes_)
    return fail(Errc::Io, path_.string() + " has become shorter than it was");
  fd_.reset();
  if (auto done = store::write_file(*disk_, path_, std::string_view(*bytes).substr(0, bytes_));
      !done)
    return done;
  if (auto done = disk_->sync_directory(path_.parent_path()); !done) return done;
  is_doubtful_ = false;
  return open();
}

Status AppendFile::append(std::string_view piece) {
  if (auto ready = is_doubtful_ ? replace() : open(); !ready) return ready;
  is_doubtful_ = true;
  if (auto written = store::write_all(*disk_, fd_.get(), piece); !written) {
    if (disk_->truncate(fd_.get(), bytes_)) is_doubtful_ = false;
    return during("write " + path_.string(), written.error());
  }
  if (auto synced = disk_->sync_data(fd_.get()); !synced)
    return during("write " + path_.string(), synced.error());
  is_doubtful_ = false;
  bytes_ += piece.size();
  return {};
}

}  // namespace alibi::seal
