#include "store/packet_section.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

namespace alibi::store {
namespace {

constexpr std::size_t kNamesMax = 65'536;  // in one section

}  // namespace

void PacketSection::begin(packet::Blocks& out) {
  utsname host{};
  (void)::uname(&host);
  packet::append_section(out, {.hardware = host.machine,
                               .os = fmt::format("{} {}", host.sysname, host.release),
                               .application = "alibi " ALIBI_VERSION,
                               .comment = fmt::format("host={}", host.nodename)});
}

PacketSection::Device& PacketSection::device_of(packet::Blocks& out,
                                                const PacketBatch::Entry& entry) {
  const auto [place, is_new] = devices_.try_emplace({entry.device, entry.link});
  if (is_new) {
    place->second.index = static_cast<std::uint32_t>(devices_.size() - 1);
    place->second.link = entry.link;
    const auto name = names_.find(entry.device);
    packet::Interface interface;
    interface.link = entry.link;
    interface.name =
        name != names_.end() ? name->second : fmt::format("if{}", entry.device.ifindex);
    interface.description =
        fmt::format("net namespace {}, index {}", entry.device.net_ns, entry.device.ifindex);
    packet::append_interface(out, interface);
  }
  return place->second;
}

std::string PacketSection::comment_of(const PacketBatch& batch,
                                      const PacketBatch::Entry& entry) const {
  std::string text;
  if (!says_all_ && entry.grade == event::Grade::Proven) return text;
  if (says_all_ && entry.owner != PacketBatch::kNobody) {
    const auto& [key, info] = batch.processes[entry.owner];
    text = fmt::format("process={} exe={} ", to_text(key), info->path);
  }
  return text + fmt::format("grade={} via={}", event::to_text(entry.grade), entry.via);
}

void PacketSection::append(packet::Blocks& out, const PacketBatch& batch,
                           std::uint64_t first_number) {
  for (const auto& [address, name] : batch.names)
    if (named_.size() < kNamesMax && named_.emplace(address, name).second)
      packet::append_name(out, address, name);
  for (const auto& [key, info] : batch.processes) {
    if (!processes_.insert(info).second) continue;
    packet::ProcessInfo told = *info;
    told.comment = "process=" + to_text(key);
    packet::append_process(out, told);
  }
  for (const PacketBatch::Entry& entry : batch.packets) {
    Device& device = device_of(out, entry);
    packet::Packet packet;
    packet.time = entry.time;
    packet.interface = device.index;
    packet.link = entry.link;
    packet.direction = entry.direction;
    packet.original_bytes = entry.original_bytes;
    packet.bytes = batch.bytes_of(entry);
    if (entry.owner != PacketBatch::kNobody) packet.pid = batch.processes[entry.owner].first.pid;
    if (first_number != 0) packet.id = first_number++;
    packet.dropped = entry.dropped;
    ++device.received;
    device.dropped += entry.dropped;
    packet::append_packet(out, packet, comment_of(batch, entry));
  }
}

void PacketSection::end(packet::Blocks& out, WallNs now) const {
  for (const auto& [name, device] : devices_)
    packet::append_statistics(out, device.index, now, device.received + device.dropped,
                              device.dropped);
}

}  // namespace alibi::store
