#include "match/candidates.hpp"

#include <algorithm>

namespace alibi::match {
namespace {

using event::Endpoint;

/// Shorter payloads are alike in many flows (a keep-alive, a heart beat).
constexpr std::uint32_t kTellingPayloadBytes = 16;

std::string end_name(std::string_view proto, const Endpoint& end) {
  return std::string(proto) + " " + to_text(end);
}

const Candidates::List& find(const auto& map, const auto& key) {
  static const Candidates::List kNone;
  const auto found = map.find(key);
  return found == map.end() ? kNone : found->second;
}

bool share_payload(const Sent& a, const Sent& b) {
  return std::ranges::any_of(a.contents, [&](const Content& one) {
    return one.bytes >= kTellingPayloadBytes && one.kept >= kTellingPayloadBytes &&
           std::ranges::find(b.contents, one) != b.contents.end();
  });
}

/// Sequence numbers contradict each other only where both sides are known.
bool agree(const std::optional<std::uint32_t>& a, const std::optional<std::uint32_t>& b) {
  return !a || !b || *a == *b;
}

/// Which of the two sides of the capture the host's own is, if its remote end is
/// an end of the capture: null, the source's or the destination's packets.
const Sent* own_side(const CaptureFlow& flow, const HostFlow& host, const Sent*& other) {
  if (host.remote == flow.destination) {
    other = &flow.from_destination;
    return &flow.from_source;
  }
  if (host.remote == flow.source) {
    other = &flow.from_source;
    return &flow.from_destination;
  }
  return nullptr;
}

}  // namespace

std::string name_of(std::string_view proto, const Endpoint& a, const Endpoint& b) {
  return std::string(proto) + " " + to_text(std::min(a, b)) + " " + to_text(std::max(a, b));
}

Candidates::Candidates(const Facts& facts) : facts_(facts) {
  for (std::size_t i = 0; i < facts.flows.size(); ++i) {
    const HostFlow& flow = facts.flows[i];
    by_ends_[name_of(flow.proto, flow.local, flow.remote)].push_back(i);
    by_remote_[end_name(flow.proto, flow.remote)].push_back(i);
    if (!flow.wire) continue;
    for (const auto* sent : {&flow.wire->from_local, &flow.wire->from_remote})
      if (sent->first_seq) by_sequence_[*sent->first_seq].push_back(i);
  }
}

Candidates::List Candidates::same_ends(const CaptureFlow& flow) const {
  return find(by_ends_, name_of(proto_name(flow.protocol), flow.source, flow.destination));
}

Candidates::List Candidates::kept_port(const CaptureFlow& flow) const {
  const std::string proto = proto_name(flow.protocol);
  List found;
  if (is_ephemeral(flow.source)) {
    for (const std::size_t i : find(by_remote_, end_name(proto, flow.destination))) {
      const HostFlow& host = facts_.flows[i];
      if (host.local.port == flow.source.port && host.local.address != flow.source.address)
        found.push_back(i);
    }
    // Somebody connected to an address that was translated into ours. Programs use
    // one UDP port for many others, so that there this tells nothing.
    for (const std::size_t i : find(by_remote_, end_name(proto, flow.source))) {
      const event::Endpoint& local = facts_.flows[i].local;
      if (proto == "tcp" && local.port == flow.destination.port && local != flow.destination)
        found.push_back(i);
    }
  }
  return found;
}

Candidates::List Candidates::same_sequence(const CaptureFlow& flow) const {
  List found;
  const Sent& begun = flow.from_source;
  const Sent& answered = flow.from_destination;
  if (!begun.first_seq) return found;
  for (const std::size_t i : find(by_sequence_, *begun.first_seq)) {
    const Wire& wire = *facts_.flows[i].wire;
    const bool as_out = wire.from_local.first_seq == begun.first_seq &&
                        agree(wire.from_remote.first_seq, answered.first_seq);
    const bool as_in = wire.from_remote.first_seq == begun.first_seq &&
                       agree(wire.from_local.first_seq, answered.first_seq);
    if (as_out || as_in) found.push_back(i);
  }
  return found;
}

Candidates::List Candidates::same_payload(const CaptureFlow& flow) const {
  List found;
  for (const Endpoint* end : {&flow.destination, &flow.source}) {
    for (const std::size_t i : find(by_remote_, end_name(proto_name(flow.protocol), *end))) {
      const HostFlow& host = facts_.flows[i];
      const Sent* other = nullptr;
      const Sent* own = own_side(flow, host, other);
      if (!host.wire || !own) continue;
      if (share_payload(*own, host.wire->from_local) ||
          share_payload(*other, host.wire->from_remote))
        found.push_back(i);
    }
  }
  return found;
}

}  // namespace alibi::match
