#include "store/packet_pack.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string>

#include "packet/input.hpp"
#include "packet/pcapng_blocks.hpp"
#include "store/encrypted_files.hpp"
#include "store/packed_file.hpp"
#include "store/pcapng_blocks.hpp"
#include "store/sha256.hpp"

namespace alibi::store {
namespace {

constexpr std::size_t kFrameBytes = 1U << 20;
constexpr int kLevel = 3;

/// The first `n` bytes of `text` that are whole blocks, at least `least` where
/// there are so many; what is no block is one piece with what follows it.
std::size_t whole_blocks(std::string_view text, std::size_t least) {
  const auto bytes = std::as_bytes(std::span(text));
  std::size_t at = 0;
  while (at < least) {
    const auto length = block_length(bytes.subspan(at));
    if (!length) return at;
    at += *length;
  }
  return at;
}

Status write_frames(Disk& disk, int from, int to, const std::stop_token& stop) {
  std::string held;
  std::uint64_t offset = 0;
  while (!stop.stop_requested()) {
    const std::size_t before = held.size();
    held.resize(before + kFrameBytes);
    const auto got = disk.read(from, std::span(held).subspan(before), offset);
    if (!got) return std::unexpected(got.error());
    offset += *got;
    held.resize(before + *got);
    std::size_t frame = whole_blocks(held, kFrameBytes);
    const bool is_broken = frame == 0 && held.size() > packet::kBlockBytesMax;
    if (*got == 0 || is_broken) frame = held.size();
    if (frame < kFrameBytes && *got != 0) continue;
    if (frame != 0) {
      const auto packed = pack_frame(std::string_view(held).substr(0, frame), kLevel);
      if (!packed) return std::unexpected(packed.error());
      if (auto done = write_all(disk, to, *packed); !done) return done;
      held.erase(0, frame);
    }
    if (*got == 0) return disk.sync_data(to);
  }
  return fail(Errc::Internal, "stopped");
}

Result<bool> is_same(const std::filesystem::path& plain, const std::filesystem::path& packed) {
  auto left = packet::Input::open(plain);
  auto right = packet::Input::open(packed);
  if (!left) return std::unexpected(left.error());
  if (!right) return std::unexpected(right.error());
  // A read gives less than asked only at the end.
  const auto fill = [](packet::Input& input, std::vector<std::byte>& to) -> Result<std::size_t> {
    std::size_t have = 0;
    while (have < to.size()) {
      const auto got = input.read(std::span(to).subspan(have));
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      have += *got;
    }
    return have;
  };
  std::vector<std::byte> a(kFrameBytes);
  std::vector<std::byte> b(kFrameBytes);
  while (true) {
    const auto n = fill(**left, a);
    const auto m = fill(**right, b);
    if (!n) return std::unexpected(n.error());
    if (!m) return std::unexpected(m.error());
    if (*n != *m || !std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(*n), b.begin()))
      return false;
    if (*n == 0) return true;
  }
}

Status pack_one(Disk& disk, const Layout& layout, std::uint64_t first,
                const std::stop_token& stop) {
  const auto plain = layout.pcapng(first);
  const auto packed = layout.pcapng_packed(first);
  const std::filesystem::path temporary = packed.string() + ".tmp";
  const auto make = [&]() -> Status {
    const auto from = disk.open(plain, O_RDONLY);
    if (!from) return std::unexpected(from.error());
    const auto to = disk.open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!to) return std::unexpected(to.error());
    if (auto done = write_frames(disk, from->get(), to->get(), stop); !done) return done;
    const auto same = is_same(plain, temporary);
    if (!same) return std::unexpected(same.error());
    if (!*same)
      return fail(Errc::Corrupt, temporary.string() + " did not unpack to what was packed");
    if (auto done = disk.rename(temporary, packed); !done) return done;
    return disk.sync_directory(layout.packets());
  };
  auto done = make();
  if (!done) (void)disk.remove(temporary);
  return done;
}

/// The packed form is whole. Where the seal is not so far yet, the plain one stays
/// until the next round.
Status remove_plain(Disk& disk, const Layout& layout, std::uint64_t first, Sealing* sealing) {
  const auto plain = layout.pcapng(first);
  if (sealing) {
    const auto packed = layout.pcapng_packed(first);
    auto sha256 = sha256_of_file(disk, plain);
    auto packed_sha256 = sha256_of_file(disk, packed);
    if (!sha256) return std::unexpected(sha256.error());
    if (!packed_sha256) return std::unexpected(packed_sha256.error());
    std::error_code error;
    const PackedPair pair{SealStream::Packets,
                          first,
                          std::filesystem::file_size(plain, error),
                          std::move(*sha256),
                          std::filesystem::file_size(packed, error),
                          std::move(*packed_sha256)};
    if (error) return fail_errno(error.value(), "stat " + plain.string());
    if (!sealing->file_packed(pair)) return {};
  }
  if (layout.is_encrypted()) return remove_opened(disk, layout, SealStream::Packets, first);
  return disk.remove(plain);
}

}  // namespace

Status pack_packet_files(Disk& disk, const Layout& layout, Sealing* sealing, bool has_newest,
                         const std::stop_token& stop) {
  const auto files = list_packet_files(disk, layout);
  if (!files) return std::unexpected(files.error());
  Status result;
  const std::size_t count = files->size() - (has_newest || files->empty() ? 0 : 1);
  for (std::size_t i = 0; i < count && !stop.stop_requested(); ++i) {
    const PacketFiles& file = (*files)[i];
    if (!file.has_plain) continue;
    // Both there: the packed one is whole, its maker died before the last step.
    auto done = file.has_packed ? Status{} : pack_one(disk, layout, file.first_packet, stop);
    if (done) done = remove_plain(disk, layout, file.first_packet, sealing);
    if (!done && !stop.stop_requested() && result)
      result = during("pack " + layout.pcapng(file.first_packet).string(), done.error());
  }
  return result;
}

Retention plan_packet_retention(const std::vector<PacketFiles>& files, const Limits& limits) {
  Retention plan;
  if (files.size() < 2 || limits.packet_budget_bytes == 0) return plan;
  std::uint64_t closed_bytes = 0;
  for (std::size_t i = 0; i + 1 < files.size(); ++i)
    closed_bytes += files[i].bytes;
  for (std::size_t i = 0; i + 1 < files.size(); ++i) {
    if (closed_bytes <= limits.packet_budget_bytes) break;
    plan.rule = "bytes";
    plan.is_of_packets = true;
    plan.segments.push_back(files[i].first_packet);
    plan.records += files[i + 1].first_packet - files[i].first_packet;
    plan.bytes += files[i].bytes;
    plan.last_seq = files[i + 1].first_packet - 1;
    closed_bytes -= files[i].bytes;
  }
  return plan;
}

Status delete_packet_files(Disk& disk, const Layout& layout,
                           const std::vector<std::uint64_t>& files) {
  for (const auto first : files) {
    if (auto done = remove_encrypted(disk, layout, SealStream::Packets, first); !done) return done;
    for (const auto& path : {layout.pcapng(first), layout.pcapng_packed(first)}) {
      const auto removed = disk.remove(path);
      if (!removed && removed.error().code != Errc::NotFound) return removed;
    }
  }
  return disk.sync_directory(layout.packets());
}

}  // namespace alibi::store
