#include "recorder/packet_translator.hpp"

#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>

#include "recorder/finding_record.hpp"

namespace alibi::recorder {
namespace {

using event::Direction;
using event::Grade;
using event::Kind;

constexpr std::uint64_t kBeginningPackets = 16;  // of each direction of a stream, always kept
constexpr std::size_t kIcmpErrorBytes = 48;      // headers of the packet an ICMP error is about
constexpr std::size_t kCutsMax = 512;            // streams told apart in one second
constexpr std::uint64_t kOthers = 0;             // no stream has this id
constexpr std::uint64_t kSecondNs = 1'000'000'000;

bool is_icmp_error(const packet::Headers& headers) {
  if (headers.protocol == IPPROTO_ICMP)
    return headers.icmp_type == 3 || headers.icmp_type == 4 || headers.icmp_type == 5 ||
           headers.icmp_type == 11 || headers.icmp_type == 12;
  return headers.protocol == IPPROTO_ICMPV6 && headers.icmp_type < 128;
}

bool is_dns(const StreamKey& key) {
  const auto is_dns_port = [](std::uint16_t port) {
    return port == 53 || port == 5353 || port == 5355;
  };
  return is_dns_port(key.remote_port) || is_dns_port(key.local_port);
}

}  // namespace

struct PacketTranslator::Seen {
  const alibi_packet& fixed;
  std::span<const std::byte> bytes;
  const packet::Headers& headers;
  Recent& recent;
  const StreamKey& key = recent.key;
  Stream& stream = *recent.stream;
  Attribution& owner = recent.owner;
  Process*& process = recent.process;

  [[nodiscard]] bool is_out() const { return fixed.is_out != 0; }
  [[nodiscard]] BootNs boot() const { return {fixed.header.boot_ns}; }
  [[nodiscard]] std::uint8_t flags() const { return headers.is_tcp() ? headers.tcp_flags : 0; }
};

PacketTranslator::PacketTranslator(Translation& shared, PacketOwners& owners,
                                   std::unique_ptr<packet::Filter> payload_filter)
    : shared_(shared),
      owners_(owners),
      payload_filter_(std::move(payload_filter)),
      inspector_(packet::Inspector::make({})) {}

// Numbers are taken by the kernel per CPU. A program that interrupts another
// has the later number and the earlier place.
void PacketTranslator::note_gap(const alibi_header& header) {
  if (header.cpu >= next_numbers_.size()) next_numbers_.resize(header.cpu + 1U);
  std::uint64_t& next = next_numbers_[header.cpu];
  if (next != 0 && header.seq > next) dropped_ += header.seq - next;
  if (header.seq < next && dropped_ != 0) --dropped_;
  next = std::max<std::uint64_t>(next, header.seq + 1);
}

bool PacketTranslator::translate(std::span<const std::byte> bytes) {
  const alibi_header* header = view_header(bytes);
  const auto view =
      header && header->kind == ALIBI_RECORD_PACKET ? view_packet(bytes) : std::nullopt;
  if (!view) return false;
  note_gap(*header);
  const packet::Headers headers =
      packet::decode_headers(packet::LinkType::Raw, view->bytes, view->fixed->wire_bytes);
  Recent& recent = recent_of(*view->fixed, headers);
  Seen seen{*view->fixed, view->bytes, headers, recent};
  Stream& stream = seen.stream;
  const std::uint8_t flags = seen.flags();
  if ((flags & packet::kSyn) && !(flags & packet::kAck) && !stream.is_new)
    streams_.begin_anew(stream);
  if (!recent.is_valid || stream.is_new) find_owner(seen);
  if (unowned_) unowned_->note_owned(seen.is_out(), seen.bytes, seen.boot());
  if (stream.is_new) note_beginning(seen);
  stream.is_new = false;
  if (!is_in_scope(seen)) return true;
  inspect(seen);
  const std::size_t keep = bytes_to_keep(seen);
  if (is_within_budget(seen, keep)) write(seen, keep);
  ++stream.packets[seen.is_out()];
  return true;
}

bool PacketTranslator::is_recent(const Recent& recent, const alibi_packet& fixed,
                                 const StreamKey& key, bool has_payload) const {
  const alibi_process_key& told = fixed.header.process;
  return recent.is_valid && recent.turns == streams_.turns() && recent.cookie == fixed.cookie &&
         recent.is_out == (fixed.is_out != 0) && recent.owner_by == fixed.owner_by &&
         recent.role == fixed.role && recent.flags == fixed.flags &&
         recent.told.tgid == told.tgid && recent.told.start_boot_ns == told.start_boot_ns &&
         recent.has_payload == has_payload && recent.key == key;
}

PacketTranslator::Recent& PacketTranslator::recent_of(const alibi_packet& fixed,
                                                      const packet::Headers& headers) {
  const StreamKey key = stream_key(headers, fixed.is_out, fixed.net_ns);
  const bool has_payload = headers.payload_bytes != 0;
  Recent& recent = recent_[(fixed.cookie * 2 + (fixed.is_out != 0)) % recent_.size()];
  if (is_recent(recent, fixed, key, has_payload)) return recent;
  Stream& stream = streams_.at(key, BootNs{fixed.header.boot_ns});
  recent = {.turns = streams_.turns(),
            .cookie = fixed.cookie,
            .told = fixed.header.process,
            .owner_by = fixed.owner_by,
            .role = fixed.role,
            .flags = fixed.flags,
            .is_out = fixed.is_out != 0,
            .has_payload = has_payload,
            .key = key,
            .stream = &stream,
            .owner = {}};
  return recent;
}

// A packet without a socket of ours in it is the kernel's own: an answer for a
// connection that is over, or for none; or its socket is older than we are.
void PacketTranslator::find_owner(Seen& seen) {
  Stream& stream = seen.stream;
  const alibi_packet& fixed = seen.fixed;
  const bool is_tcp = seen.headers.is_tcp();
  seen.owner = owners_.owner_of(fixed, is_tcp, seen.headers.payload_bytes != 0);
  const bool has_state =
      fixed.owner_by != ALIBI_OWNER_NOBODY || fixed.role != ALIBI_ROLE_UNKNOWN || fixed.flags != 0;
  seen.recent.is_valid = has_state;  // without, the stream's last owner decides
  if (has_state) {
    if (seen.owner.process) stream.owner = seen.owner;
    if (stream.cookie == 0 || fixed.role != ALIBI_ROLE_LISTENER) stream.cookie = fixed.cookie;
  } else if (!seen.owner.process && is_tcp && stream.owner.process) {
    seen.owner = {stream.owner.process, Grade::Likely, "closed_flow"};
  } else if (!seen.owner.process && seen.is_out() && (!is_tcp || (seen.flags() & packet::kRst))) {
    seen.owner = {std::nullopt, Grade::Unknown, "kernel"};
  }
  seen.process = seen.owner.process ? shared_.processes.find(*seen.owner.process) : nullptr;
}

void PacketTranslator::note_beginning(const Seen& seen) {
  Stream& stream = seen.stream;
  if (stream.cookie == 0) stream.cookie = seen.fixed.cookie;
  switch (seen.fixed.role) {
    case ALIBI_ROLE_CLIENT: stream.began_in = false; break;
    case ALIBI_ROLE_SERVER:
    case ALIBI_ROLE_LISTENER: stream.began_in = true; break;
    default:
      stream.began_in = seen.headers.is_tcp()
                            ? shared_.sockets.is_listening(seen.key.net_ns, seen.key.local_port)
                            : !seen.is_out();
  }
}

bool PacketTranslator::is_in_scope(const Seen& seen) const {
  return !shared_.tracked_only || (seen.process && seen.process->is_tracked);
}

// What stands behind the headers reaches the disk only when asked for.
std::size_t PacketTranslator::bytes_to_keep(const Seen& seen) {
  std::size_t payload = shared_.options.packets.payload_bytes;
  if (payload != 0 && payload_filter_) {
    packet::Packet packet;
    packet.original_bytes = seen.fixed.wire_bytes;
    packet.bytes = seen.bytes;
    const auto matches = payload_filter_->matches(packet);
    if (!matches || !*matches) payload = 0;
  }
  if (is_icmp_error(seen.headers)) payload = std::max(payload, kIcmpErrorBytes);
  const std::size_t captured = seen.headers.payload.size();
  return seen.bytes.size() - captured + std::min(payload, captured);
}

void PacketTranslator::inspect(const Seen& seen) {
  has_head_ = false;
  Stream& stream = seen.stream;
  const std::uint8_t ends = seen.flags() & (packet::kSyn | packet::kFin | packet::kRst);
  if (seen.headers.payload.empty() && ends == 0) return;
  if (!seen.headers.is_tcp() && (!seen.headers.is_udp() || is_dns(seen.key))) return;
  const auto found = [&](const packet::Finding& finding) { on_finding(seen, finding); };
  const bool is_from_source = seen.is_out() != stream.began_in;
  inspector_->add(stream.id, is_from_source, seen.boot(), seen.headers, found);
  stream.has_ended[seen.is_out()] |= (ends & packet::kFin) != 0;
  if ((ends & packet::kRst) ||
      (stream.has_ended[0] && stream.has_ended[1] && (ends & packet::kFin)))
    inspector_->end(stream.id, found);
}

void PacketTranslator::on_finding(const Seen& seen, const packet::Finding& finding) {
  if (finding.stream != seen.stream.id) return on_given_up(finding);
  const event::Source source = source_of(ALIBI_RING_PACKET, seen.fixed.header);
  if (shared_.written.contains(source, seen.boot())) return;
  auto record = record_of(shared_, finding, seen.process);
  if (!record) return;
  if (!has_head_) record->source = source;  // of several in one packet the first stands for it
  has_head_ = true;
  tell(std::move(*record), seen.key, seen.stream, seen.owner, seen.is_out());
}

// Another stream made room for this one; what was half there is told.
void PacketTranslator::on_given_up(const packet::Finding& finding) {
  const auto* known = streams_.find(finding.stream);
  if (!known) return;
  const auto& [key, stream] = *known;
  Process* process = stream.owner.process ? shared_.processes.find(*stream.owner.process) : nullptr;
  if (auto record = record_of(shared_, finding, process))
    tell(std::move(*record), key, stream, stream.owner, finding.is_from_source != stream.began_in);
}

void PacketTranslator::tell(event::Record record, const StreamKey& key, const Stream& stream,
                            const Attribution& owner, bool is_out) {
  record.process = owner.process;
  record.flow = flow_id(stream.cookie, key.net_ns);
  record.proto = protocol_name(AF_INET, key.protocol);
  record.local = event::Endpoint{key.local, key.local_port};
  record.remote = event::Endpoint{key.remote, key.remote_port};
  const bool is_dns_record = record.kind == Kind::DnsQuery || record.kind == Kind::DnsAnswer;
  const bool is_in = is_dns_record ? !is_out : stream.began_in;
  record.direction = is_in ? Direction::In : Direction::Out;
  record.grade = owner.grade;
  record.via = owner.via;
  Process* process = owner.process ? shared_.processes.find(*owner.process) : nullptr;
  shared_.emit(std::move(record), process);
}

// The beginnings and ends of conversations, names and requests are always kept.
bool PacketTranslator::is_within_budget(const Seen& seen, std::size_t bytes) {
  const std::uint64_t rate = shared_.options.packets.rate_bytes;
  if (rate == 0) return true;
  const BootNs now = seen.boot();
  if (now > tokens_at_) {
    const std::uint64_t elapsed = std::min(now.ns - tokens_at_.ns, kSecondNs);
    tokens_ = std::min(rate, tokens_ + elapsed / 1000 * rate / 1'000'000);
    tokens_at_ = now;
  }
  const bool matters = (seen.flags() & (packet::kSyn | packet::kFin | packet::kRst)) || has_head_ ||
                       is_dns(seen.key) || seen.stream.packets[seen.is_out()] < kBeginningPackets;
  if (tokens_ >= bytes || matters) {
    tokens_ -= std::min<std::uint64_t>(tokens_, bytes);
    return true;
  }
  const bool has_room = cuts_.size() < kCutsMax || cuts_.contains(seen.stream.id);
  Cut& cut = cuts_[has_room ? seen.stream.id : kOthers];
  if (cut.packets++ == 0) {
    cut.from = now;
    cut.flow = shared_.make(Kind::Loss, now, has_room ? seen.process : nullptr);
    if (has_room) {
      cut.flow.flow = flow_id(seen.stream.cookie, seen.key.net_ns);
      cut.flow.proto = protocol_name(AF_INET, seen.key.protocol);
      cut.flow.local = event::Endpoint{seen.key.local, seen.key.local_port};
      cut.flow.remote = event::Endpoint{seen.key.remote, seen.key.remote_port};
    }
  }
  cut.bytes += seen.fixed.wire_bytes;
  cut.to = now;
  ++dropped_;
  return false;
}

void PacketTranslator::tell_cuts(LossLedger& losses, BootNs now) {
  for (auto& [id, cut] : cuts_) {
    event::Record record = std::move(cut.flow);
    record.boot = now;
    record.time = shared_.clock.at(now);
    record.result = "packet_budget";
    add(record, "what", "packet");
    add(record, "count", cut.packets);
    add(record, "total", losses.add_told("packet_budget", "packet", cut.packets));
    add(record, "bytes", cut.bytes);
    add(record, "from_ns", cut.from.ns);
    add(record, "to_ns", cut.to.ns);
    Process* process = record.process ? shared_.processes.find(*record.process) : nullptr;
    shared_.emit_in_scope(std::move(record), process);
  }
  cuts_.clear();
}

std::uint32_t PacketTranslator::owner_index(Process& process) {
  const auto [place, is_new] =
      owner_indexes_.try_emplace(process.key, static_cast<std::uint32_t>(batch_.processes.size()));
  if (!is_new) return place->second;
  if (!process.card) {
    auto card = std::make_shared<packet::ProcessInfo>();
    card->pid = process.key.pid;
    card->path = process.exe;
    card->name = process.exe.substr(process.exe.rfind('/') + 1);
    if (process.args) card->args = *process.args;
    if (process.parent) card->parent_pid = process.parent->pid;
    card->uid = process.uid;
    card->user = process.user;
    const WallNs start = shared_.clock.at(BootNs{process.key.start_us * 1000});
    card->start_ns = static_cast<std::uint64_t>(start.ns);
    process.card = std::move(card);
  }
  batch_.processes.emplace_back(process.key, process.card);
  return place->second;
}

void PacketTranslator::write(const Seen& seen, std::size_t bytes) {
  const store::PacketDevice device{seen.key.net_ns, seen.fixed.ifindex};
  if (const auto name = text_of(seen.fixed.device); !name.empty()) {
    if (known_devices_.emplace(device, name).second) batch_.device_names.emplace_back(device, name);
  }
  store::PacketBatch::Entry entry;
  entry.time = shared_.clock.at(seen.boot());
  entry.device = device;
  entry.direction = seen.is_out() ? packet::Direction::Out : packet::Direction::In;
  entry.original_bytes = seen.fixed.wire_bytes;
  entry.offset = static_cast<std::uint32_t>(batch_.bytes.size());
  entry.bytes = static_cast<std::uint32_t>(bytes);
  if (seen.process && seen.recent.index == store::PacketBatch::kNobody)
    seen.recent.index = owner_index(*seen.process);
  entry.owner = seen.recent.index;
  entry.grade = seen.owner.grade;
  entry.via = seen.owner.via;
  entry.cookie = seen.fixed.cookie;
  entry.dropped = std::exchange(dropped_, 0);
  batch_.bytes.insert(batch_.bytes.end(), seen.bytes.begin(),
                      seen.bytes.begin() + static_cast<std::ptrdiff_t>(bytes));
  batch_.packets.push_back(std::move(entry));
  ++packets_;
}

void PacketTranslator::drain_unowned(BootNs now, bool is_last) {
  if (!unowned_) return;
  unowned_->drain(now, is_last,
                  [this](const UnownedPackets::Packet& packet) { write_unowned(packet); });
}

// What is not IP keeps the addresses of its link, and all of its first bytes:
// it has no payload that anybody would miss or mind.
void PacketTranslator::write_unowned(const UnownedPackets::Packet& packet) {
  const store::PacketDevice device{unowned_->net_ns(), packet.ifindex};
  std::array<char, IF_NAMESIZE> name{};
  if (::if_indextoname(packet.ifindex, name.data()) &&
      known_devices_.emplace(device, name.data()).second)
    batch_.device_names.emplace_back(device, name.data());
  store::PacketBatch::Entry entry;
  entry.time = shared_.clock.at(packet.boot);
  entry.device = device;
  entry.direction = packet.is_out ? packet::Direction::Out : packet::Direction::In;
  entry.via = "no_socket";
  entry.offset = static_cast<std::uint32_t>(batch_.bytes.size());
  entry.original_bytes = packet.wire_bytes;
  std::size_t keep = packet.bytes.size();
  if (packet.is_ip) {
    const auto headers =
        packet::decode_headers(packet::LinkType::Raw, packet.bytes, packet.wire_bytes);
    const std::size_t payload =
        is_icmp_error(headers) ? kIcmpErrorBytes : shared_.options.packets.payload_bytes;
    keep = keep - headers.payload.size() + std::min(payload, headers.payload.size());
  } else {
    entry.link = packet::LinkType::LinuxSll;
    entry.original_bytes += static_cast<std::uint32_t>(packet.sll.size());
    batch_.bytes.insert(batch_.bytes.end(), packet.sll.begin(), packet.sll.end());
  }
  batch_.bytes.insert(batch_.bytes.end(), packet.bytes.begin(),
                      packet.bytes.begin() + static_cast<std::ptrdiff_t>(keep));
  entry.bytes = static_cast<std::uint32_t>(batch_.bytes.size()) - entry.offset;
  batch_.packets.push_back(std::move(entry));
  ++packets_;
}

store::PacketBatch PacketTranslator::take() {
  for (auto& name : std::exchange(shared_.fresh_names, {}))
    batch_.names.push_back(std::move(name));
  owner_indexes_.clear();
  for (Recent& recent : recent_)
    recent.is_valid = false;
  return std::exchange(batch_, {});
}

}  // namespace alibi::recorder
