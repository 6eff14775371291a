#include "seal/adoption.hpp"

#include <fcntl.h>

#include <limits>
#include <span>

#include "seal/block_sealer.hpp"
#include "seal/digest.hpp"
#include "store/block_account.hpp"
#include "store/chunks.hpp"
#include "store/layout.hpp"
#include "store/log_writer.hpp"
#include "store/pcapng_blocks.hpp"

namespace alibi::seal {
namespace {

constexpr std::uint64_t kPacketBlockBytes = 4ULL << 20;
constexpr std::size_t kReadBytes = 1U << 20;

Result<UniqueFd> open_plain(store::Disk& disk, const SealLayout& layout, SegmentId id,
                            std::uint64_t offset) {
  const auto path = plain_path(layout, id);
  auto fd = disk.open(path, O_RDWR);
  if (!fd) return std::unexpected(fd.error());
  const auto size = disk.size(fd->get());
  if (!size) return std::unexpected(size.error());
  if (*size < offset)
    return fail(Errc::Corrupt, path.string() + " is shorter than its sealed part");
  // What a killed recorder wrote is in the page cache, perhaps not on the disk.
  if (*size > offset)
    if (auto done = disk.sync_data(fd->get()); !done) return std::unexpected(done.error());
  return std::move(*fd);
}

/// What follows `offset` is no whole item.
Status describe_torn(store::Disk& disk, int fd, std::uint64_t offset, Unsealed& unsealed) {
  Sha256 sha;
  sha.begin();
  std::string piece(kReadBytes, '\0');
  while (true) {
    const auto got = disk.read(fd, std::span(piece), offset);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    sha.add(std::string_view(piece).substr(0, *got));
    offset += *got;
    unsealed.torn_bytes += *got;
  }
  if (unsealed.torn_bytes != 0) unsealed.torn_sha256 = sha.finish().to_hex();
  return {};
}

/// Lines of one segment, from `offset` on and numbered from `from` up to, but not
/// including, `before`: there the next segment begins.
Result<Unsealed> lines_of(store::Disk& disk, const SealLayout& layout, std::uint64_t segment,
                          std::uint64_t offset, std::uint64_t from, std::uint64_t before) {
  Unsealed unsealed{{Stream::Events, segment}, offset, 0, {}, {}};
  auto fd = open_plain(disk, layout, unsealed.segment, offset);
  if (!fd) return std::unexpected(fd.error());
  const store::Limits limits;
  store::ForwardChunks chunks(disk, fd->get(), offset);
  store::BlockAccount account(store::SealStream::Events, segment, offset);
  bool is_at_end = false;
  while (!is_at_end) {
    const auto chunk = chunks.next();
    if (!chunk) return std::unexpected(chunk.error());
    if (chunk->text.empty()) break;
    std::string_view rest = chunk->text;
    while (!rest.empty() && !is_at_end) {
      const auto line = rest.substr(0, rest.find('\n') + 1);
      rest.remove_prefix(line.size());
      const std::uint64_t number = store::number_of_line(line);
      is_at_end = number >= before;
      if (is_at_end) break;
      if (number < from && account.items() == 0 && unsealed.blocks.empty() && from != 0) {
        unsealed.offset += line.size();
        account = store::BlockAccount(store::SealStream::Events, segment, unsealed.offset);
        continue;
      }
      account.add_line(line);
      if (account.bytes() >= limits.block_bytes || account.items() >= limits.block_lines)
        unsealed.blocks.push_back(account.cut());
    }
  }
  if (account.items() != 0) unsealed.blocks.push_back(account.cut());
  if (!is_at_end)
    if (auto done = describe_torn(disk, fd->get(), chunks.end(), unsealed); !done)
      return std::unexpected(done.error());
  return unsealed;
}

/// Whole pcapng blocks of one file.
Result<Unsealed> packets_of(store::Disk& disk, const SealLayout& layout, std::uint64_t segment,
                            std::uint64_t offset) {
  Unsealed unsealed{{Stream::Packets, segment}, offset, 0, {}, {}};
  auto fd = open_plain(disk, layout, unsealed.segment, offset);
  if (!fd) return std::unexpected(fd.error());
  store::BlockAccount account(store::SealStream::Packets, segment, offset);
  std::string held;
  std::uint64_t end = offset;  // of what was looked at
  while (true) {
    const std::size_t before = held.size();
    held.resize(before + kReadBytes);
    const auto got = disk.read(fd->get(), std::span(held).subspan(before), end + before);
    if (!got) return std::unexpected(got.error());
    held.resize(before + *got);
    if (*got == 0) break;
    std::size_t at = 0;
    while (const auto length = store::block_length(std::as_bytes(std::span(held)).subspan(at))) {
      account.add_blocks(std::string_view(held).substr(at, *length));
      at += *length;
      if (account.bytes() >= kPacketBlockBytes) unsealed.blocks.push_back(account.cut());
    }
    held.erase(0, at);
    end += at;
  }
  if (account.items() != 0) unsealed.blocks.push_back(account.cut());
  // A file without a packet is no part of the log: the next one takes its name.
  if (offset == 0 && (unsealed.blocks.empty() || unsealed.blocks.front().first == 0))
    return Unsealed{};
  if (auto done = describe_torn(disk, fd->get(), end, unsealed); !done)
    return std::unexpected(done.error());
  return unsealed;
}

}  // namespace

std::uint64_t Unsealed::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& block : blocks)
    sum += block.bytes;
  return sum;
}

Result<std::vector<Unsealed>> find_unsealed(store::Disk& disk, const SealLayout& layout,
                                            const Positions& positions, std::uint64_t first_event,
                                            std::uint64_t first_packet) {
  const store::Layout files = layout.files();
  std::vector<Unsealed> all;
  const auto keep = [&](Result<Unsealed> found) -> Status {
    if (!found) return std::unexpected(found.error());
    if (!found->blocks.empty() || found->torn_bytes != 0) all.push_back(std::move(*found));
    return {};
  };
  const auto position_of = [&](Stream stream, std::uint64_t segment) {
    const auto found = positions.segments.find({stream, segment});
    return found == positions.segments.end() ? Position{} : found->second;
  };
  const auto segments = store::list_segments(disk, files);
  if (!segments) return std::unexpected(segments.error());
  for (std::size_t i = 0; i < segments->size(); ++i) {
    const std::uint64_t number = (*segments)[i].first_seq;
    const std::uint64_t before = i + 1 < segments->size()
                                     ? (*segments)[i + 1].first_seq
                                     : std::numeric_limits<std::uint64_t>::max();
    const Position position = position_of(Stream::Events, number);
    if (!(*segments)[i].has_csv || position.has_segment_leaf || before <= first_event) continue;
    const std::uint64_t from = position.blocks == 0 && number < first_event ? first_event : 0;
    if (auto done = keep(lines_of(disk, layout, number, position.offset, from, before)); !done)
      return std::unexpected(done.error());
  }
  const auto packets = store::list_packet_files(disk, files);
  if (!packets) return std::unexpected(packets.error());
  for (const auto& file : *packets) {
    const Position position = position_of(Stream::Packets, file.first_packet);
    if (!file.has_plain || position.has_segment_leaf || file.first_packet < first_packet) continue;
    if (auto done = keep(packets_of(disk, layout, file.first_packet, position.offset)); !done)
      return std::unexpected(done.error());
  }
  return all;
}

}  // namespace alibi::seal
