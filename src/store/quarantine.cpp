#include "store/quarantine.hpp"

#include <fcntl.h>

#include <array>
#include <string>

namespace alibi::store {
namespace {

Status copy_tail(Disk& disk, int from, std::uint64_t begin, const std::filesystem::path& to) {
  const auto fd = disk.open(to, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd) return std::unexpected(fd.error());
  std::array<char, 1U << 16> piece{};
  while (true) {
    const auto got = disk.read(from, piece, begin);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return disk.sync_data(fd->get());
    if (auto done = write_all(disk, fd->get(), {piece.data(), *got}); !done) return done;
    begin += *got;
  }
}

}  // namespace

Result<TornTail> move_torn_tail(Disk& disk, const Layout& layout, const std::filesystem::path& path,
                                std::uint64_t end) {
  const auto fd = disk.open(path, O_RDWR);
  if (!fd) return std::unexpected(fd.error());
  const auto size = disk.size(fd->get());
  if (!size) return std::unexpected(size.error());
  if (*size <= end) return TornTail{};
  const auto kept_in =
      layout.quarantine() / (path.stem().string() + "-" + std::to_string(end) + ".torn");
  const auto move = [&]() -> Status {
    if (auto done = disk.make_directory(layout.quarantine()); !done) return done;
    if (auto done = copy_tail(disk, fd->get(), end, kept_in); !done) return done;
    if (auto done = disk.sync_directory(layout.quarantine()); !done) return done;
    if (auto done = disk.truncate(fd->get(), end); !done) return done;
    return disk.sync_data(fd->get());
  };
  if (auto done = move(); !done)
    return during("set aside the torn end of " + path.string(), done.error());
  return TornTail{*size - end, kept_in};
}

}  // namespace alibi::store
