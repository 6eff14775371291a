#include "seal/block_sealer.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "seal/bytes.hpp"
#include "seal/encrypted_log.hpp"
#include "seal/tree.hpp"
#include "store/block_account.hpp"
#include "store/layout.hpp"

namespace alibi::seal {
namespace {

constexpr std::uint64_t kHeaderBytesMax = 64ULL << 10;
constexpr std::uint64_t kSeedFileBytes = 128;

Result<std::string> read_range(store::Disk& disk, int fd, std::uint64_t offset,
                               std::uint64_t bytes) {
  std::string text(bytes, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const auto got = disk.read(fd, std::span(text).subspan(done), offset + done);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    done += *got;
  }
  text.resize(done);
  return text;
}

}  // namespace

Result<Seed> BlockSealer::seed_of(SegmentId id, bool may_make) {
  const auto path = layout_.seed(id.first, id.second);
  auto text = store::read_file(*disk_, path, kSeedFileBytes);
  if (!text && text.error().code == Errc::NotFound && may_make) {
    text = to_hex(random_bytes(sizeof(Seed))) + "\n";
    if (auto done = store::write_file(*disk_, path, *text); !done)
      return std::unexpected(done.error());
    if (auto done = disk_->sync_directory(path.parent_path()); !done)
      return std::unexpected(done.error());
  }
  if (!text) return std::unexpected(text.error());
  const auto bytes = from_hex(std::string_view(*text).substr(0, text->find('\n')));
  Seed seed{};
  if (!bytes || bytes->size() != seed.size() || !text->ends_with('\n'))
    return fail(Errc::Corrupt, path.string() + " is no seed");
  std::ranges::copy(*bytes, seed.begin());
  return seed;
}

Result<BlockSealer::Segment*> BlockSealer::segment_of(SegmentId id, bool is_first_block) {
  const auto found = open_.find(id.first);
  if (found != open_.end() && found->second.first == id.second) return &found->second.second;
  Segment segment;
  auto fd = disk_->open(plain_path(layout_, id), O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  segment.fd = std::move(*fd);
  const auto seed = seed_of(id, is_first_block);
  if (!seed) return std::unexpected(seed.error());
  segment.seed = *seed;
  if (id.first == Stream::Events) {
    const auto head = read_range(*disk_, segment.fd.get(), 0, kHeaderBytesMax);
    if (!head) return std::unexpected(head.error());
    auto columns =
        Columns::from(hideable_, std::string_view(*head).substr(0, head->find('\n') + 1));
    if (!columns) return std::unexpected(columns.error());
    segment.columns = std::move(*columns);
  }
  auto& slot = open_[id.first] = {id.second, std::move(segment)};
  return &slot.second;
}

Result<Hash> BlockSealer::root_of(const store::SyncedBlock& block, std::uint64_t number) {
  const SegmentId id{stream_of(block.stream), block.segment};
  const auto segment = segment_of(id, number == 0);
  if (!segment) return std::unexpected(segment.error());
  const auto bytes = read_range(*disk_, (*segment)->fd.get(), block.offset, block.bytes);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() != block.bytes || store::checksum_of(*bytes) != block.checksum)
    return fail(Errc::Corrupt,
                fmt::format("{} bytes at {} of {} are not those that were written", block.bytes,
                            block.offset, plain_path(layout_, id).string()));
  const Seed seed = block_seed((*segment)->seed, number);
  const auto hashes = hash_items(id.first, (*segment)->columns, seed, *bytes);
  if (!hashes) return std::unexpected(hashes.error());
  if (hashes->size() != block.items)
    return fail(Errc::Corrupt,
                fmt::format("{} items where {} were written", hashes->size(), block.items));
  if (!recipients_.empty()) {
    if (auto done = write_live(*disk_, layout_, recipients_, {id, number, seed, *bytes}); !done)
      return std::unexpected(done.error());
  }
  return tree_hash(*hashes);
}

}  // namespace alibi::seal
