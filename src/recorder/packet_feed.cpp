#include "recorder/packet_feed.hpp"

#include <algorithm>

#include "recorder/wire_view.hpp"

namespace alibi::recorder {
namespace {

constexpr std::uint64_t kChunkBytes = 1U << 20;

}  // namespace

Result<std::unique_ptr<PacketFeed>> PacketFeed::open(int map_fd, std::uint32_t ring_bytes) {
  auto feed = std::unique_ptr<PacketFeed>(new PacketFeed);
  auto opened = RingReader::open(map_fd);
  if (!opened) return std::unexpected(opened.error());
  feed->ring_ = std::move(*opened);
  feed->ring_bytes_ = ring_bytes;
  return feed;
}

bool PacketFeed::read(std::uint64_t limit, BootNs now, bool is_last, PacketOwners& owners,
                      const std::function<void(std::span<const std::byte>)>& visit) {
  ring_->read_ahead(limit, [&](std::span<const std::byte> bytes) {
    if (const auto packet = view_packet(bytes)) owners.note(*packet->fixed);
  });
  const bool is_pressed = limit - ring_->cursor() > ring_bytes_ / 4;
  const std::uint64_t before = is_last || is_pressed ? UINT64_MAX : now.ns - kLagNs;
  const auto is_due = [before](std::span<const std::byte> bytes) {
    const alibi_header* header = view_header(bytes);
    return !header || header->boot_ns < before;
  };
  return ring_->read_while(std::min(limit, ring_->cursor() + kChunkBytes), is_due, visit) ||
         ring_->cursor() >= limit;
}

}  // namespace alibi::recorder
