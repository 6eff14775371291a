#include "store/decrypted_segment.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "store/age_program.hpp"

namespace alibi::store {
namespace {

/// A skippable frame of zstd: magic, length, tag; then the seed.
constexpr std::string_view kSeedFrameHead{"\x5b\x2a\x4d\x18\x28\0\0\0ALIBISD1", 16};
constexpr std::uint64_t kSeedFrameBytes = kSeedFrameHead.size() + 32;
constexpr std::uint64_t kSeedDigits = 64;
/// The block's seed in hex and LF, before its bytes.
constexpr std::uint64_t kSeedTextBytes = 65;
constexpr std::uint64_t kLiveBytesMax = 65ULL << 20;  // a block has at most 64 MiB

Result<UniqueFd> new_memory() {
  UniqueFd fd(::memfd_create("alibi", MFD_CLOEXEC));
  if (!fd.is_open()) return fail_errno(errno, "make memory");
  return fd;
}

/// `age -d` from one descriptor to the end of another.
Status decrypt(int from, int to, const std::filesystem::path& identity) {
  const auto child = start_age(from, to, identity);
  if (!child) return std::unexpected(child.error());
  if (wait_for_program(*child) != 0)
    return fail(Errc::Corrupt, "age does not open it with this identity");
  return {};
}

/// The seed at the end of it is taken off.
Status decrypt_closed(Disk& disk, int from, int to, const std::filesystem::path& identity,
                      std::string& seed) {
  if (auto done = decrypt(from, to, identity); !done) return done;
  const auto bytes = disk.size(to);
  if (!bytes) return std::unexpected(bytes.error());
  std::string frame(kSeedFrameBytes, '\0');
  const std::uint64_t end = *bytes - std::min(*bytes, kSeedFrameBytes);
  const auto got = disk.read(to, frame, end);
  if (!got) return std::unexpected(got.error());
  if (*got != kSeedFrameBytes || !frame.starts_with(kSeedFrameHead))
    return fail(Errc::Corrupt, "it ends without the seed of the segment");
  seed = frame.substr(kSeedFrameHead.size());
  return disk.truncate(to, end);
}

/// One block to the end of `to`, its seed to `seeds`.
Status decrypt_live(Disk& disk, int from, int to, const std::filesystem::path& identity,
                    std::vector<std::string>& seeds) {
  const auto memory = new_memory();
  if (!memory) return std::unexpected(memory.error());
  if (auto done = decrypt(from, memory->get(), identity); !done) return done;
  auto text = read_file(disk, fmt::format("/proc/self/fd/{}", memory->get()), kLiveBytesMax);
  if (!text) return std::unexpected(text.error());
  if (text->size() < kSeedTextBytes) return fail(Errc::Corrupt, "it holds no block");
  seeds.push_back(text->substr(0, kSeedDigits));
  return write_all(disk, to, std::string_view(*text).substr(kSeedTextBytes));
}

}  // namespace

std::filesystem::path DecryptedSegment::path() const {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

Result<DecryptedSegment> decrypt_segment(Disk& disk, const Layout& layout, SealStream stream,
                                         std::uint64_t segment,
                                         const std::filesystem::path& identity) {
  auto memory = new_memory();
  if (!memory) return std::unexpected(memory.error());
  DecryptedSegment opened{std::move(*memory), true, layout.encrypted(stream, segment), {}, {}};
  const auto closed = disk.open(opened.from, O_RDONLY);
  if (closed) {
    if (auto done = decrypt_closed(disk, closed->get(), opened.fd.get(), identity, opened.seed);
        !done)
      return during(opened.from.string(), done.error());
    return opened;
  }
  if (closed.error().code != Errc::NotFound) return std::unexpected(closed.error());
  opened.is_packed = false;
  const auto live = list_live(disk, layout);
  if (!live) return std::unexpected(live.error());
  std::uint64_t next = 0;
  for (const LiveFile& file : *live) {
    if (file.stream != stream || file.segment != segment) continue;
    opened.from = layout.live(stream, segment, file.block);
    if (file.block != next++)
      return fail(Errc::Corrupt, opened.from.string() + ": the block before it is missing");
    const auto from = disk.open(opened.from, O_RDONLY);
    if (!from) return std::unexpected(from.error());
    if (auto done = decrypt_live(disk, from->get(), opened.fd.get(), identity, opened.block_seeds);
        !done)
      return during(opened.from.string(), done.error());
  }
  if (next == 0) return fail(Errc::NotFound, opened.from.string() + " is not there");
  return opened;
}

}  // namespace alibi::store
