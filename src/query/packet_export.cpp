#include "query/packet_export.hpp"

#include <fmt/format.h>

namespace alibi::query {
namespace {

std::string comment_of(const LoggedPacket& logged) {
  const std::string_view told = logged.packet.comment;
  // A packet that was exported before says all that there is to say.
  if (!logged.process || !word_of(told, "process").empty()) return std::string(told);
  const auto identity = identity_of(*logged.process);
  return fmt::format("process={} exe={}{}{}",
                     identity.empty() ? std::to_string(logged.process->pid) : identity,
                     logged.process->path.empty() ? logged.process->name : logged.process->path,
                     told.empty() ? "" : " ", told);
}

}  // namespace

std::string_view word_of(std::string_view comment, std::string_view key) {
  while (!comment.empty()) {
    const auto end = std::min(comment.find_first_of(" \n"), comment.size());
    const auto word = comment.substr(0, end);
    if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=')
      return word.substr(key.size() + 1);
    comment.remove_prefix(std::min(end + 1, comment.size()));
  }
  return {};
}

std::string_view identity_of(const packet::ProcessInfo& process) {
  return word_of(process.comment, "process");
}

void PacketExport::begin(packet::Blocks& out) {
  if (!has_begun_) packet::append_section(out, info_);
  has_begun_ = true;
}

PacketExport::Counted& PacketExport::interface_of(packet::Blocks& out,
                                                  const packet::Interface& interface) {
  const auto [place, is_new] =
      interfaces_.try_emplace({interface.link, interface.snap_bytes, interface.name,
                               interface.description, interface.filter});
  if (is_new) {
    place->second.index = static_cast<std::uint32_t>(interfaces_.size() - 1);
    packet::append_interface(out, interface);
  }
  return place->second;
}

void PacketExport::describe(packet::Blocks& out, const packet::ProcessInfo& process) {
  if (processes_.emplace(process.pid, process.start_ns.value_or(0), process.path).second)
    packet::append_process(out, process);
}

void PacketExport::learn_names(const LoggedPacket& logged) {
  const auto& names = logged.names;
  if (names_seen_ == std::pair{logged.segment_number, names.size()}) return;
  for (const packet::HostName& name : names)
    names_.emplace(name.address, name.name);
  names_seen_ = {logged.segment_number, names.size()};
}

void PacketExport::append(packet::Blocks& out, const LoggedPacket& logged,
                          const packet::Headers& headers) {
  begin(out);
  Counted& interface = interface_of(out, logged.interface);
  if (logged.process) describe(out, *logged.process);
  learn_names(logged);
  if (headers.is_ip) addresses_.insert({headers.source, headers.destination});
  packet::Packet packet = logged.packet;
  packet.interface = interface.index;
  ++interface.packets;
  interface.dropped += packet.dropped;
  packet::append_packet(out, packet, comment_of(logged));
}

void PacketExport::finish(packet::Blocks& out, WallNs now) {
  begin(out);
  for (const auto& [address, name] : names_) {
    if (addresses_.contains(address)) packet::append_name(out, address, name);
  }
  for (const auto& [key, interface] : interfaces_)
    packet::append_statistics(out, interface.index, now, interface.packets + interface.dropped,
                              interface.dropped);
}

}  // namespace alibi::query
