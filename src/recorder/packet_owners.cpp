#include "recorder/packet_owners.hpp"

#include <utility>

namespace alibi::recorder {
namespace {

using event::Grade;

constexpr std::uint64_t kTurnNs = 1'000'000'000;

/// The process itself was seen at it.
bool is_seen(std::uint8_t owner_by) {
  return owner_by == ALIBI_OWNER_USER || owner_by == ALIBI_OWNER_SEVERAL ||
         owner_by == ALIBI_OWNER_SENDER;
}

}  // namespace

PacketOwners::Known& PacketOwners::at(std::uint64_t cookie, BootNs when) {
  if (when >= next_turn_) {
    old_ = std::exchange(young_, {});
    next_turn_ = BootNs{when.ns + kTurnNs};
    last_noted_ = {};
  }
  return young_[cookie];
}

const PacketOwners::Known* PacketOwners::find(std::uint64_t cookie) const {
  for (const Sockets* sockets : {&young_, &old_})
    if (const auto place = sockets->find(cookie); place != sockets->end()) return &place->second;
  return nullptr;
}

void PacketOwners::note(const alibi_packet& packet) {
  if (!is_seen(packet.owner_by)) return;
  const alibi_process_key& process = packet.header.process;
  Noted& last = last_noted_[packet.cookie % last_noted_.size()];
  if (packet.cookie == last.cookie && packet.owner_by == last.owner_by &&
      process.tgid == last.process.tgid && process.start_boot_ns == last.process.start_boot_ns)
    return;
  Known& known = at(packet.cookie, BootNs{packet.header.boot_ns});
  known.process = process;
  known.owner_by = packet.owner_by;
  last = {packet.cookie, process, packet.owner_by};
}

void PacketOwners::note(std::uint64_t cookie, const Attribution& found, BootNs when) {
  Known& known = at(cookie, when);
  known.is_final = true;
  known.found = found;
}

Attribution PacketOwners::judge(const alibi_packet& packet, bool is_tcp, alibi_process_key key,
                                std::uint8_t owner_by) {
  const Process* process = shared_.known(key);
  if (owner_by == ALIBI_OWNER_USER && process) return {process->key, Grade::Proven, "io"};
  if (owner_by == ALIBI_OWNER_SEVERAL && process)
    return {process->key, Grade::Ambiguous, "io_by_several"};
  if (owner_by == ALIBI_OWNER_SENDER && process) return {process->key, Grade::Proven, "send"};
  SocketFacts facts;
  facts.can_see_users = shared_.can_see_users;
  if (packet.role == ALIBI_ROLE_CLIENT) facts.role = SocketFacts::Role::Client;
  if (packet.role == ALIBI_ROLE_SERVER || packet.role == ALIBI_ROLE_LISTENER)
    facts.role = SocketFacts::Role::Server;
  if (!is_tcp) facts.role = SocketFacts::Role::Datagram;
  if (process && owner_by == ALIBI_OWNER_CREATOR) facts.creator = process->key;
  if (process && owner_by == ALIBI_OWNER_CONNECTOR) {
    facts.users.push_back({process->key, "sent", 0, 0});
    facts.is_sender_presumed = true;
  }
  if (const auto* socket = shared_.sockets.find(packet.cookie)) {
    facts.other_users = socket->users;
    facts.holders = socket->holders;
  }
  return attribute(facts);
}

Attribution PacketOwners::owner_of(const alibi_packet& packet, bool is_tcp, bool has_payload) {
  std::uint8_t owner_by = packet.owner_by;
  alibi_process_key process = packet.header.process;
  const bool is_handshake = packet.role == ALIBI_ROLE_LISTENER;
  if (!is_seen(owner_by) && !is_handshake) {
    if (const Known* known = find(packet.cookie)) {
      if (is_seen(known->owner_by)) {
        owner_by = known->owner_by;
        process = known->process;
      } else if (known->is_final) {
        return known->found;
      }
    }
  }
  Attribution found = judge(packet, is_tcp, process, owner_by);
  // A socket that another process inherited looks the same until that one was
  // seen sending, and this packet may be the first it sent.
  if (is_tcp && has_payload && packet.is_out && owner_by == ALIBI_OWNER_CREATOR &&
      found.grade == Grade::Proven)
    found.grade = Grade::Likely;
  return found;
}

}  // namespace alibi::recorder
