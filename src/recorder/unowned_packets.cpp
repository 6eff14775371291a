#include "recorder/unowned_packets.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace alibi::recorder {
namespace {

constexpr std::uint32_t kBlockBytes = 256 << 10;
constexpr std::uint32_t kBlocks = 16;
constexpr std::uint32_t kFrameBytes = 256;
constexpr std::uint32_t kRetireMs = 20;

/// Of what stands in the headers on both ways: not the bytes behind them, which
/// one of the two may have cut.
std::uint64_t mark_of(bool is_out, std::span<const std::byte> bytes) {
  if (bytes.size() < 20) return 0;
  const bool is_v4 = (std::to_integer<unsigned>(bytes[0]) >> 4) == 4;
  const std::size_t network = is_v4 ? (std::to_integer<std::size_t>(bytes[0]) & 15) * 4 : 40;
  const std::size_t length = std::min(bytes.size(), network + 8);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), length);
  return std::hash<std::string_view>{}(text) ^ (is_out ? 0x9E3779B97F4A7C15ULL : 0);
}

}  // namespace

Result<std::unique_ptr<UnownedPackets>> UnownedPackets::open() {
  auto made = std::unique_ptr<UnownedPackets>(new UnownedPackets);
  made->socket_ = UniqueFd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int fd = made->socket_.get();
  if (fd < 0) return fail_errno(errno, "open a packet socket");
  const int version = TPACKET_V3;
  if (::setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0)
    return fail_errno(errno, "TPACKET_V3");
  tpacket_req3 ring{};
  ring.tp_block_size = kBlockBytes;
  ring.tp_block_nr = kBlocks;
  ring.tp_frame_size = kFrameBytes;
  ring.tp_frame_nr = kBlockBytes / kFrameBytes * kBlocks;
  ring.tp_retire_blk_tov = kRetireMs;
  if (::setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) != 0)
    return fail_errno(errno, "make the ring of a packet socket");
  void* mapped = ::mmap(nullptr, std::size_t{kBlockBytes} * kBlocks, PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return fail_errno(errno, "map the ring of a packet socket");
  made->ring_ = static_cast<std::byte*>(mapped);
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(ETH_P_ALL);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&all), sizeof(all)) != 0)
    return fail_errno(errno, "bind a packet socket");
  struct stat status {};
  if (::stat("/proc/self/ns/net", &status) == 0)
    made->net_ns_ = static_cast<std::uint32_t>(status.st_ino);
  return made;
}

UnownedPackets::~UnownedPackets() {
  if (ring_) ::munmap(ring_, std::size_t{kBlockBytes} * kBlocks);
}

void UnownedPackets::note_owned(bool is_out, std::span<const std::byte> bytes, BootNs when) {
  Owned& owned = owned_[mark_of(is_out, bytes)];
  ++owned.count;
  owned.latest = when;
}

void UnownedPackets::read_block(std::size_t index) {
  std::byte* const block = ring_ + index * kBlockBytes;
  const auto& head = reinterpret_cast<const tpacket_block_desc*>(block)->hdr.bh1;
  std::size_t at = head.offset_to_first_pkt;
  for (std::uint32_t i = 0; i < head.num_pkts; ++i) {
    const auto* frame = reinterpret_cast<const tpacket3_hdr*>(block + at);
    const auto* link = reinterpret_cast<const sockaddr_ll*>(
        reinterpret_cast<const std::byte*>(frame) + TPACKET_ALIGN(sizeof(tpacket3_hdr)));
    Packet packet;
    const std::int64_t wall_ns = std::int64_t{frame->tp_sec} * 1'000'000'000 + frame->tp_nsec;
    packet.boot = BootNs{static_cast<std::uint64_t>(wall_ns - boot_offset_ns_)};
    packet.ifindex = static_cast<std::uint32_t>(link->sll_ifindex);
    packet.ether_type = ntohs(link->sll_protocol);
    packet.wire_bytes = frame->tp_len;
    packet.is_out = link->sll_pkttype == PACKET_OUTGOING;
    packet.is_ip = packet.ether_type == ETH_P_IP || packet.ether_type == ETH_P_IPV6;
    // packet type, device type, address length, address, protocol: big-endian
    const std::uint16_t fields[3] = {htons(link->sll_pkttype), htons(link->sll_hatype),
                                     htons(link->sll_halen)};
    std::memcpy(packet.sll.data(), fields, sizeof(fields));
    std::memcpy(packet.sll.data() + 6, link->sll_addr, sizeof(link->sll_addr));
    std::memcpy(packet.sll.data() + 14, &link->sll_protocol, sizeof(link->sll_protocol));
    const auto* bytes = reinterpret_cast<const std::byte*>(frame) + frame->tp_net;
    packet.bytes.assign(bytes, bytes + std::min<std::size_t>(frame->tp_snaplen, kHeadBytes));
    waiting_.push_back(std::move(packet));
    at += frame->tp_next_offset;
  }
}

void UnownedPackets::judge(const std::function<void(const Packet&)>& visit) {
  const Packet packet = std::move(waiting_.front());
  waiting_.pop_front();
  if (packet.is_ip) {
    const auto twin = owned_.find(mark_of(packet.is_out, packet.bytes));
    if (twin != owned_.end() && twin->second.count != 0) {
      --twin->second.count;
      return;
    }
  }
  visit(packet);
}

void UnownedPackets::drain(BootNs now, bool is_last,
                           const std::function<void(const Packet&)>& visit) {
  boot_offset_ns_ = wall_now().ns - static_cast<std::int64_t>(boot_now().ns);
  for (std::uint32_t i = 0; i < kBlocks; ++i) {
    auto& head = reinterpret_cast<tpacket_block_desc*>(ring_ + next_block_ * kBlockBytes)->hdr.bh1;
    if (!(__atomic_load_n(&head.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) break;
    read_block(next_block_);
    __atomic_store_n(&head.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    next_block_ = (next_block_ + 1) % kBlocks;
  }
  while (!waiting_.empty() &&
         (is_last || waiting_.size() > kWaiting || waiting_.front().boot.ns + kPatienceNs < now.ns))
    judge(visit);
  if (now < next_prune_) return;
  next_prune_ = BootNs{now.ns + kPatienceNs};
  std::erase_if(owned_, [now](const auto& entry) {
    return entry.second.latest.ns + 4 * kPatienceNs < now.ns;
  });
}

std::uint64_t UnownedPackets::lost() {
  tpacket_stats_v3 stats{};
  socklen_t size = sizeof(stats);
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
    lost_ += stats.tp_drops;  // the kernel counts from zero after each look
  return lost_;
}

}  // namespace alibi::recorder
