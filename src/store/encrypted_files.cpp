#include "store/encrypted_files.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace alibi::store {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

Status remove_if_there(Disk& disk, const Disk::Path& path) {
  auto removed = disk.remove(path);
  if (!removed && removed.error().code == Errc::NotFound) return {};
  return removed;
}

Result<std::vector<Disk::Path>> live_paths(Disk& disk, const Layout& layout, SealStream stream,
                                           std::uint64_t segment) {
  const auto live = list_live(disk, layout);
  if (!live) return std::unexpected(live.error());
  std::vector<Disk::Path> paths;
  for (const LiveFile& file : *live)
    if (file.stream == stream && file.segment == segment)
      paths.push_back(layout.live(stream, segment, file.block));
  return paths;
}

Status remove_live(Disk& disk, const Layout& layout, SealStream stream, std::uint64_t segment) {
  const auto paths = live_paths(disk, layout, stream, segment);
  if (!paths) return std::unexpected(paths.error());
  for (const auto& path : *paths)
    if (auto done = remove_if_there(disk, path); !done) return done;
  return paths->empty() ? Status{} : disk.sync_directory(layout.live());
}

}  // namespace

Status remove_opened(Disk& disk, const Layout& layout, SealStream stream, std::uint64_t segment) {
  if (auto done = remove_live(disk, layout, stream, segment); !done) return done;
  const bool is_events = stream == SealStream::Events;
  const auto plain = is_events ? layout.csv(segment) : layout.pcapng(segment);
  auto seed = plain;
  auto blocks = plain;
  // The plain file last: while it is there, all this is begun again.
  for (const auto& path :
       {seed.replace_extension(".seed"), blocks.replace_extension(".blocks"),
        is_events ? layout.packed(segment) : layout.pcapng_packed(segment), plain})
    if (auto done = remove_if_there(disk, path); !done) return done;
  return {};
}

Status remove_encrypted(Disk& disk, const Layout& layout, SealStream stream,
                        std::uint64_t segment) {
  if (!layout.is_encrypted()) return {};
  if (auto done = remove_live(disk, layout, stream, segment); !done) return done;
  const auto path = layout.encrypted(stream, segment);
  if (auto done = remove_if_there(disk, path); !done) return done;
  return disk.sync_directory(path.parent_path());
}

std::optional<WallNs> last_written(Disk& disk, const Layout& layout, SealStream stream,
                                   std::uint64_t segment) {
  std::optional<WallNs> latest;
  auto paths = live_paths(disk, layout, stream, segment).value_or(std::vector<Disk::Path>{});
  paths.push_back(layout.encrypted(stream, segment));
  for (const auto& path : paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) continue;
    const WallNs written{status.st_mtim.tv_sec * kSecondNs + status.st_mtim.tv_nsec};
    if (!latest || latest->ns < written.ns) latest = written;
  }
  return latest;
}

}  // namespace alibi::store
