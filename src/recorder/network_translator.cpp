#include "recorder/network_translator.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "packet/dns_message.hpp"
#include "recorder/dns_record.hpp"

namespace alibi::recorder {
namespace {

using event::Direction;
using event::Grade;
using event::Kind;
using event::Record;

std::string how_name(std::uint32_t how) {
  switch (how) {
    case ALIBI_HOW_SENT: return "sent";
    case ALIBI_HOW_RECEIVED: return "received";
    default: return "used";
  }
}

/// What an errno of a socket says to a reader.
std::string error_result(int error) {
  switch (error) {
    case ECONNREFUSED: return "refused";
    case ETIMEDOUT: return "timeout";
    case ECONNRESET:
    case EPIPE: return "reset";
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN: return "unreachable";
    case EPERM:
    case EACCES: return "denied";
    default: return "error";
  }
}

bool was_established(const alibi_flow& flow) { return flow.established_ns != 0; }

/// How a TCP flow ended: by its error, else by the state it was in.
std::string end_result(const alibi_flow& flow) {
  if (flow.error != 0) return error_result(flow.error);
  switch (flow.old_state) {
    case TCP_SYN_SENT: return "aborted";  // the program gave up waiting
    case TCP_SYN_RECV: return "aborted";
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT: return "reset_sent";  // closed with data unread, or linger 0
    default: return "closed";
  }
}

std::string live_result(const alibi_flow& flow) {
  if (flow.state == TCP_SYN_SENT) return "connecting";
  return flow.role == ALIBI_ROLE_SERVER ? "accepted" : "established";
}

std::string join(const std::vector<event::ProcessKey>& keys) {
  std::string text;
  for (const auto& key : keys) {
    if (!text.empty()) text += ',';
    text += to_text(key);
  }
  return text;
}

}  // namespace

bool NetworkTranslator::translate(std::span<const std::byte> bytes) {
  const alibi_header* header = view_header(bytes);
  if (!header) return false;
  auto with = [&]<typename T>(bool (NetworkTranslator::*handle)(const T&)) {
    const T* record = view_as<T>(bytes);
    return record && (this->*handle)(*record);
  };
  switch (header->kind) {
    case ALIBI_RECORD_FLOW: {
      const auto flow = view_flow(bytes);
      return flow && on_flow(*flow);
    }
    case ALIBI_RECORD_SOCKET: return with(&NetworkTranslator::on_socket);
    case ALIBI_RECORD_SOCKET_USE: return with(&NetworkTranslator::on_socket_use);
    case ALIBI_RECORD_SOCKET_END: return with(&NetworkTranslator::on_socket_end);
    case ALIBI_RECORD_HOLDER: return with(&NetworkTranslator::on_holder);
    case ALIBI_RECORD_CONNECT_FAIL: return with(&NetworkTranslator::on_connect_fail);
    case ALIBI_RECORD_DNS: {
      const auto dns = view_dns(bytes);
      return dns && on_dns(*dns);
    }
    default: return false;
  }
}

SocketFacts NetworkTranslator::facts_of(const alibi_flow& flow) {
  SocketFacts facts;
  if (flow.role == ALIBI_ROLE_CLIENT) facts.role = SocketFacts::Role::Client;
  if (flow.role == ALIBI_ROLE_SERVER) facts.role = SocketFacts::Role::Server;
  if (Process* creator = shared_.known(flow.header.process)) facts.creator = creator->key;
  for (const auto& user : std::span(flow.users).first(flow.user_count)) {
    Process* process = shared_.known({user.start_boot_ns, user.tgid, user.uid});
    if (process)
      facts.users.push_back({process->key, how_name(user.how), user.bytes_out, user.bytes_in});
  }
  facts.has_more_users = flow.flags & ALIBI_FLOW_MORE_USERS;
  facts.can_see_users = shared_.can_see_users;
  if (const auto* socket = shared_.sockets.find(flow.cookie)) facts.holders = socket->holders;
  return facts;
}

Record NetworkTranslator::flow_record(Kind kind, BootNs boot, const Attribution& found) {
  Process* process = found.process ? shared_.processes.find(*found.process) : nullptr;
  Record record = shared_.make(kind, boot, process);
  record.process = found.process;
  record.grade = found.grade;
  record.via = found.via;
  return record;
}

void NetworkTranslator::describe_people(Record& record, const SocketFacts& facts,
                                        const Attribution& found) {
  if (facts.creator && facts.creator != found.process)
    add(record, "creator", to_text(*facts.creator));
  const bool users_tell_more = facts.users.size() > 1 || facts.has_more_users ||
                               (facts.users.size() == 1 && facts.users[0].key != facts.creator);
  if (users_tell_more) {
    std::string users;
    for (const auto& user : facts.users)
      users += fmt::format("{}{}:{}:{}:{}", users.empty() ? "" : ",", to_text(user.key), user.how,
                           user.bytes_out, user.bytes_in);
    add(record, "users", users + (facts.has_more_users ? ",more" : ""));
  }
  if (!facts.other_users.empty()) add(record, "socket_users", join(facts.other_users));
  if (facts.holders.size() > 1 || (facts.holders.size() == 1 && facts.holders[0] != found.process))
    add(record, "holders", join(facts.holders));
}

// The name a connection was made for: the answer its process got before.
void NetworkTranslator::name_flow(Record& record) {
  if (record.direction == Direction::In || !record.remote || !record.process) return;
  const Process* process = shared_.processes.find(*record.process);
  const auto ancestors =
      process ? shared_.processes.ancestors(*process) : std::vector<event::ProcessKey>{};
  const auto hit =
      shared_.names.lookup(*record.process, ancestors, record.remote->address, record.boot);
  if (!hit) return;
  record.name = hit->name;
  if (hit->source != NameSource::OwnAnswer) add(record, "name_from", describe(*hit));
  if (!hit->also.empty()) {
    std::string also;
    for (const auto& name : hit->also)
      also += (also.empty() ? "" : ",") + name;
    add(record, "name_also", std::move(also));
  }
}

bool NetworkTranslator::on_flow(const alibi_flow& flow) {
  if (flow.moment == ALIBI_FLOW_LISTEN || flow.moment == ALIBI_FLOW_LISTEN_END)
    return on_listen(flow);
  const bool is_end = flow.moment == ALIBI_FLOW_CLOSE;
  const Kind kind = is_end                           ? Kind::FlowClose
                    : flow.moment == ALIBI_FLOW_OPEN ? Kind::FlowOpen
                                                     : Kind::FlowUpdate;
  // A socket that was never anything else than closed (bound, then closed).
  if (is_end && flow.tuple.remote_port == 0 && flow.created_ns == 0) return true;
  const SocketFacts facts = facts_of(flow);
  const Attribution found = attribute(facts);
  Record record = flow_record(kind, BootNs{flow.header.boot_ns}, found);
  record.source = {'n', flow.header.cpu, flow.header.seq};
  record.flow = flow_id(flow.cookie, flow.net_ns);
  record.proto = "tcp";
  record.local = local_of(flow.tuple);
  record.remote = remote_of(flow.tuple);
  record.bytes_out = flow.bytes_out;
  record.bytes_in = flow.bytes_in;
  record.result = is_end ? end_result(flow) : live_result(flow);
  if (flow.role == ALIBI_ROLE_CLIENT)
    record.direction = Direction::Out;
  else if (flow.role == ALIBI_ROLE_SERVER)
    record.direction = Direction::In;
  else {
    const bool is_in = shared_.sockets.is_listening(flow.net_ns, flow.tuple.local_port);
    record.direction = is_in ? Direction::In : Direction::Out;
    add(record, "direction_by", "listening_ports");
  }
  if (flow.created_ns && !(flow.role == ALIBI_ROLE_UNKNOWN))
    add(record, "started_ns", flow.created_ns);
  if (was_established(flow)) add(record, "established_ns", flow.established_ns);
  if (is_end) add(record, "ended_ns", flow.header.boot_ns);
  if (flow.role == ALIBI_ROLE_UNKNOWN) add(record, "seen_since_ns", flow.created_ns);
  add(record, "packets_out", flow.packets_out);
  add(record, "packets_in", flow.packets_in);
  if (flow.retransmits) add(record, "retransmits", flow.retransmits);
  if (is_end && flow.error) add(record, "error", errno_name(flow.error));
  name_flow(record);
  describe_people(record, facts, found);
  Process* process = record.process ? shared_.processes.find(*record.process) : nullptr;
  shared_.emit(std::move(record), process);
  if (is_end) {
    if (owners_) owners_->note(flow.cookie, found, BootNs{flow.header.boot_ns});
    shared_.sockets.note_closed(flow.cookie, flow.error);
    shared_.sockets.forget(flow.cookie);
  }
  if (flow.moment == ALIBI_FLOW_OPEN) has_announced_ = true;
  return true;
}

bool NetworkTranslator::on_listen(const alibi_flow& flow) {
  const bool is_end = flow.moment == ALIBI_FLOW_LISTEN_END;
  Process* process = shared_.known(flow.header.process);
  Record record = shared_.make(Kind::Listen, flow.header, ALIBI_RING_NETWORK, process);
  record.flow = flow_id(flow.cookie, flow.net_ns);
  record.proto = "tcp";
  record.local = local_of(flow.tuple);
  record.result = is_end ? "closed" : "listening";
  record.grade = process ? Grade::Proven : Grade::Unknown;
  record.via = process ? "listen" : "socket_older_than_recorder";
  shared_.emit(std::move(record), process);
  if (is_end) {
    shared_.sockets.remove_listener(flow.net_ns, flow.tuple.local_port);
    shared_.sockets.forget(flow.cookie);
  } else {
    shared_.sockets.add_listener(flow.net_ns, flow.tuple.local_port);
  }
  return true;
}

bool NetworkTranslator::on_socket(const alibi_socket& socket) {
  Process* process = shared_.known(socket.header.process);
  Record record = shared_.make(Kind::Socket, socket.header, ALIBI_RING_NETWORK, process);
  if (socket.cookie) record.flow = flow_id(socket.cookie, socket.net_ns);
  record.proto = protocol_name(socket.family, socket.protocol);
  record.result = "opened";
  record.grade = Grade::Proven;
  record.via = "socket";
  add(record, "family",
      socket.family == AF_PACKET  ? "packet"
      : socket.family == AF_INET6 ? "inet6"
                                  : "inet");
  add(record, "type", socket.type == SOCK_RAW ? "raw" : "dgram");
  add(record, "protocol", socket.protocol);
  add(record, "netns", socket.net_ns);
  shared_.emit(std::move(record), process);
  return true;
}

bool NetworkTranslator::on_socket_use(const alibi_socket_use& use) {
  Process* process = shared_.known(use.header.process);
  if (!process) return false;
  Process* creator = shared_.known(use.creator);
  if (use.tuple.protocol != IPPROTO_TCP) {
    const auto* socket = shared_.sockets.find(use.cookie);
    const std::size_t seen = socket ? socket->users.size() : 0;
    shared_.sockets.add_user(use.cookie, process->key);
    // Fewer told of than use it: the one not told of is the creator.
    if (creator && use.user_count > seen + 1) shared_.sockets.add_user(use.cookie, creator->key);
  }
  Record record = shared_.make(Kind::SocketUse, use.header, ALIBI_RING_NETWORK, process);
  record.flow = flow_id(use.cookie, use.net_ns);
  record.proto = protocol_name(use.tuple.family, use.tuple.protocol);
  if (use.tuple.family != AF_PACKET) {
    record.local = local_of(use.tuple);
    if (use.tuple.remote_port) record.remote = remote_of(use.tuple);
  }
  record.result = how_name(use.how);
  record.grade = Grade::Proven;
  record.via = "io";
  if (creator) add(record, "creator", to_text(creator->key));
  shared_.emit(std::move(record), process);
  return true;
}

bool NetworkTranslator::on_socket_end(const alibi_socket_end& end) {
  released_.push_back(end.cookie);
  return true;
}

// Sockets made while we watch have better records; of older ones this is the
// first word.
bool NetworkTranslator::on_holder(const alibi_holder& holder) {
  Process* process = shared_.known(holder.header.process);
  if (!process) return false;
  shared_.sockets.add_holder(holder.cookie, process->key);
  const bool is_tcp = holder.tuple.protocol == IPPROTO_TCP;
  const bool is_listener = is_tcp && holder.state == TCP_LISTEN;
  if (is_listener) shared_.sockets.add_listener(holder.net_ns, holder.tuple.local_port);
  if (!holder.is_old_socket || (is_tcp && !is_listener)) return true;
  Record record = shared_.make(is_listener ? Kind::Listen : Kind::Socket, holder.header,
                               ALIBI_RING_NETWORK, process);
  record.flow = flow_id(holder.cookie, holder.net_ns);
  record.proto = protocol_name(holder.tuple.family, holder.tuple.protocol);
  if (holder.tuple.family != AF_PACKET) record.local = local_of(holder.tuple);
  record.result = is_listener ? "listening" : "held";
  record.grade = Grade::Proven;
  record.via = "snapshot_holder";
  add(record, "fd", holder.fd);
  shared_.emit(std::move(record), process);
  return true;
}

bool NetworkTranslator::on_connect_fail(const alibi_connect_fail& failure) {
  if (shared_.sockets.absorb_connect_error(failure.cookie, failure.error)) return true;
  Process* process = shared_.known(failure.header.process);
  Record record = shared_.make(Kind::FlowClose, failure.header, ALIBI_RING_NETWORK, process);
  // A socket without a cookie never sent anything; the moment tells it from others.
  record.flow = failure.cookie ? flow_id(failure.cookie, failure.net_ns)
                               : fmt::format("u{:x}@{}", failure.header.boot_ns, failure.net_ns);
  record.proto = protocol_name(failure.tuple.family, failure.tuple.protocol);
  record.remote = remote_of(failure.tuple);
  record.direction = Direction::Out;
  record.bytes_out = 0;
  record.bytes_in = 0;
  record.result = error_result(failure.error);
  record.grade = process ? Grade::Proven : Grade::Unknown;
  record.via = "connect";
  add(record, "started_ns", failure.header.boot_ns);
  add(record, "ended_ns", failure.header.boot_ns);
  add(record, "packets_out", "0");
  add(record, "packets_in", "0");
  add(record, "error", errno_name(failure.error));
  name_flow(record);
  shared_.emit(std::move(record), process);
  return true;
}

bool NetworkTranslator::on_dns(const DnsView& dns) {
  const bool is_tcp = dns.fixed->tuple.protocol == IPPROTO_TCP;
  const auto message = packet::decode_dns_message(
      dns.payload, is_tcp ? packet::DnsTransport::Tcp : packet::DnsTransport::Udp);
  if (!message && is_tcp) return true;  // a later segment of a message, or no DNS at all
  Process* process = shared_.known(dns.fixed->header.process);
  const bool is_answer = message ? message->is_answer : dns.fixed->is_answer != 0;
  if (message && is_answer && process)
    remember_names(shared_, *process, *message, BootNs{dns.fixed->header.boot_ns});
  // Of a stream the whole messages are told, as found in its packets.
  if (!shared_.options.record_dns || (is_tcp && shared_.reads_streams)) return true;

  Record record = shared_.make(is_answer ? Kind::DnsAnswer : Kind::DnsQuery, dns.fixed->header,
                               ALIBI_RING_NETWORK, process);
  record.flow = flow_id(dns.fixed->cookie, dns.fixed->net_ns);
  record.proto = is_tcp ? "tcp" : "udp";
  record.local = local_of(dns.fixed->tuple);
  record.remote = remote_of(dns.fixed->tuple);
  record.direction = dns.fixed->is_answer ? Direction::In : Direction::Out;
  record.grade = !process                    ? Grade::Unknown
                 : dns.fixed->user_count > 1 ? Grade::Ambiguous
                                             : Grade::Proven;
  record.via = "socket";
  if (!message) {
    record.result = "malformed";
    add(record, "bytes", dns.fixed->payload_bytes);
    shared_.emit(std::move(record), process);
    return true;
  }
  describe_dns(record, *message);
  shared_.emit(std::move(record), process);
  return true;
}

void NetworkTranslator::on_conversation(const alibi_conversation_key& key,
                                        const alibi_conversation& c, Moment moment,
                                        std::string_view reason) {
  SocketFacts facts;
  facts.role = SocketFacts::Role::Datagram;
  facts.is_sender_presumed = c.flags & ALIBI_FLOW_PRESUMED;
  facts.can_see_users = shared_.can_see_users;
  if (Process* creator = shared_.known(c.creator)) facts.creator = creator->key;
  for (const auto& sender : {c.sender, c.other_sender})
    if (Process* process = shared_.known(sender))
      facts.users.push_back({process->key, "sent", 0, 0});
  if (const auto* socket = shared_.sockets.find(key.cookie)) {
    facts.other_users = socket->users;
    facts.holders = socket->holders;
  }
  const Attribution found = attribute(facts);
  const Kind kind = moment == Moment::Open    ? Kind::FlowOpen
                    : moment == Moment::Close ? Kind::FlowClose
                                              : Kind::FlowUpdate;
  Record record =
      flow_record(kind, moment == Moment::Open ? BootNs{c.first_ns} : BootNs{c.last_ns}, found);
  record.flow = flow_id(key.cookie, c.net_ns);
  alibi_tuple tuple{};
  std::ranges::copy(c.local, tuple.local);
  std::ranges::copy(key.remote, tuple.remote);
  tuple.local_port = key.local_port;
  tuple.remote_port = key.remote_port;
  tuple.family = key.family;
  tuple.protocol = key.protocol;
  record.proto = protocol_name(key.family, key.protocol);
  record.local = local_of(tuple);
  record.remote = remote_of(tuple);
  record.direction = c.began_in ? Direction::In : Direction::Out;
  record.bytes_out = c.bytes_out;
  record.bytes_in = c.bytes_in;
  record.result = moment == Moment::Close ? std::string(reason) : "active";
  add(record, "started_ns", c.first_ns);
  if (moment == Moment::Close) add(record, "ended_ns", c.last_ns);
  add(record, "packets_out", c.packets_out);
  add(record, "packets_in", c.packets_in);
  name_flow(record);
  describe_people(record, facts, found);
  Process* process = record.process ? shared_.processes.find(*record.process) : nullptr;
  shared_.emit(std::move(record), process);
}

}  // namespace alibi::recorder
