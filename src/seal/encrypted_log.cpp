#include "seal/encrypted_log.hpp"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "seal/age_file.hpp"
#include "seal/block_sealer.hpp"
#include "seal/bytes.hpp"
#include "store/layout.hpp"
#include "store/sha256.hpp"

namespace alibi::seal {
namespace {

constexpr std::uint64_t kRecipientsBytesMax = 64ULL << 10;
constexpr std::uint64_t kSeedFileBytes = 128;
constexpr std::size_t kPieceBytes = 1U << 20;
/// A skippable frame of zstd: magic, length, tag; then the seed.
constexpr std::string_view kSeedFrameHead{"\x5b\x2a\x4d\x18\x28\0\0\0ALIBISD1", 16};

std::string_view view_of(const Seed& seed) {
  return {reinterpret_cast<const char*>(seed.data()), seed.size()};
}

Result<std::string> seed_frame(store::Disk& disk, const std::filesystem::path& path) {
  const auto text = store::read_file(disk, path, kSeedFileBytes);
  if (!text) return std::unexpected(text.error());
  const auto seed = from_hex(std::string_view(*text).substr(0, text->find('\n')));
  if (!seed || seed->size() != sizeof(Seed))
    return fail(Errc::Corrupt, path.string() + " is no seed");
  return std::string(kSeedFrameHead) + *seed;
}

/// Frame by frame through memory, so that nothing else of it is anywhere.
Status encrypt_to(store::Disk& disk, int from, std::string_view end,
                  std::span<const std::string> recipients, int to) {
  std::string out;
  auto age = AgeWriter::begin(recipients, out);
  if (!age) return std::unexpected(age.error());
  std::string piece(kPieceBytes, '\0');
  for (std::uint64_t offset = 0;;) {
    const auto got = disk.read(from, std::span(piece), offset);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    age->write(std::string_view(piece).substr(0, *got), out);
    if (auto done = store::write_all(disk, to, out); !done) return done;
    out.clear();
    offset += *got;
  }
  age->write(end, out);
  age->finish(out);
  if (auto done = store::write_all(disk, to, out); !done) return done;
  return disk.sync_data(to);
}

}  // namespace

Result<std::vector<std::string>> read_recipients(store::Disk& disk, const SealLayout& layout,
                                                 const Leaf& genesis) {
  const std::string* said = genesis.find("encrypted");
  const bool is_encrypted = said != nullptr && *said == "1";
  const auto text = store::read_file(disk, layout.recipients(), kRecipientsBytesMax);
  if (!text && text.error().code != Errc::NotFound) return std::unexpected(text.error());
  auto recipients = text ? parse_recipients(*text) : std::vector<std::string>{};
  if (!recipients) return during(layout.recipients().string(), recipients.error());
  if (is_encrypted && recipients->empty())
    return fail(Errc::Corrupt, "the log was begun as an encrypted one, and " +
                                   layout.recipients().string() + " names nobody");
  if (!is_encrypted && text)
    return fail(Errc::Corrupt,
                layout.recipients().string() +
                    " came after the log was begun: an encrypted log begins as one, with "
                    "`alibi init --recipient` in an empty directory");
  return recipients;
}

Status write_live(store::Disk& disk, const SealLayout& layout,
                  std::span<const std::string> recipients, const LiveBlock& block) {
  std::string file;
  auto age = AgeWriter::begin(recipients, file);
  if (!age) return std::unexpected(age.error());
  age->write(to_hex(view_of(block.seed)) + "\n", file);
  age->write(block.bytes, file);
  age->finish(file);
  const auto path =
      layout.files().live(stream_of(block.segment.first), block.segment.second, block.number);
  if (auto done = store::write_file(disk, path, file); !done) return done;
  return disk.sync_directory(path.parent_path());
}

Result<EncryptedFile> encrypt_packed(store::Disk& disk, const SealLayout& layout,
                                     std::span<const std::string> recipients, SegmentId segment) {
  const auto path = layout.files().encrypted(stream_of(segment.first), segment.second);
  const std::filesystem::path temporary = path.string() + ".tmp";
  const auto make = [&]() -> Status {
    const auto end = seed_frame(disk, layout.seed(segment.first, segment.second));
    if (!end) return std::unexpected(end.error());
    const auto from = disk.open(plain_path(layout, segment).string() + ".zst", O_RDONLY);
    if (!from) return std::unexpected(from.error());
    const auto to = disk.open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!to) return std::unexpected(to.error());
    if (auto done = encrypt_to(disk, from->get(), *end, recipients, to->get()); !done) return done;
    if (auto done = disk.rename(temporary, path); !done) return done;
    return disk.sync_directory(path.parent_path());
  };
  auto there = disk.open(path, O_RDONLY);
  if (!there) {
    if (auto done = make(); !done) {
      (void)disk.remove(temporary);
      return during("encrypt " + path.string(), done.error());
    }
    there = disk.open(path, O_RDONLY);
  }
  if (!there) return std::unexpected(there.error());
  const auto bytes = disk.size(there->get());
  if (!bytes) return std::unexpected(bytes.error());
  auto sha256 = store::sha256_of_file(disk, path);
  if (!sha256) return std::unexpected(sha256.error());
  return EncryptedFile{*bytes, std::move(*sha256)};
}

Status remove_unsealed(store::Disk& disk, const SealLayout& layout, const Positions& positions) {
  for (const auto& [id, position] : positions.segments) {
    if (position.has_segment_leaf) continue;
    const auto path = layout.files().encrypted(stream_of(id.first), id.second);
    for (const auto& each : {path, std::filesystem::path(path.string() + ".tmp")}) {
      const auto removed = disk.remove(each);
      if (!removed && removed.error().code != Errc::NotFound) return removed;
    }
  }
  return {};
}

}  // namespace alibi::seal
