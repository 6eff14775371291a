#include "query/payload_requests.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace alibi::query {
namespace {

using packet::Finding;
using packet::FindingKind;

std::optional<event::Kind> kind_of(const Finding& finding, std::string_view dns_message) {
  switch (finding.kind) {
    case FindingKind::HttpRequest: return event::Kind::Http;
    case FindingKind::HttpResponse: return event::Kind::HttpResponse;
    case FindingKind::TlsClientHello: return event::Kind::Tls;
    case FindingKind::QuicInitial: return event::Kind::Quic;
    case FindingKind::Dns:
      return dns_message == "answer" ? event::Kind::DnsAnswer : event::Kind::DnsQuery;
    case FindingKind::TlsCertificate: break;
  }
  return std::nullopt;
}

/// The fields as packets of the log have them (docs/requests.md), and all others as they are.
std::optional<Request> request_of(const Finding& finding) {
  const auto field = [&](std::string_view name) -> std::string {
    const auto found =
        std::ranges::find(finding.fields, name, [](const auto& f) { return f.first; });
    return found == finding.fields.end() ? "" : found->second;
  };
  const auto kind = kind_of(finding, field("message"));
  if (!kind) return std::nullopt;
  Request request{.kind = *kind, .fields = finding.fields};
  switch (finding.kind) {
    case FindingKind::Dns:
      request.name = field("name");
      request.verb = field("type");
      request.result = field("rcode");
      if (const auto answers = field("answers"); !answers.empty())
        request.result += (request.result.empty() ? "" : " ") + answers;
      break;
    case FindingKind::HttpRequest:
    case FindingKind::HttpResponse:
      request.name = field("url");
      request.verb = field("method");
      request.result = field("status");
      break;
    default: request.name = field("sni");
  }
  if (finding.is_cut) request.fields.emplace_back("cut", "1");
  return request;
}

}  // namespace

PayloadRequests::PayloadRequests(bool keeps_bodies)
    : inspector_(packet::Inspector::make({.keep_bodies = keeps_bodies})) {}

const PayloadRequests::Flow& PayloadRequests::flow_of(const packet::Headers& headers,
                                                      const event::Endpoint& from,
                                                      const event::Endpoint& to) {
  const Ends ends{headers.protocol, std::min(from, to), std::max(from, to)};
  if (const auto known = young_.find(ends); known != young_.end()) return known->second;
  if (young_.size() >= kFlowsMax / 2) old_ = std::exchange(young_, {});
  if (auto node = old_.extract(ends)) return young_.insert(std::move(node)).position->second;
  const bool is_answer = (headers.tcp_flags & packet::kSyn) && (headers.tcp_flags & packet::kAck);
  return young_.emplace(ends, Flow{++flows_, is_answer ? to : from}).first->second;
}

const Request* PayloadRequests::add(const packet::Packet& packet, const packet::Headers& headers) {
  found_.reset();
  if (!headers.is_transport_whole) return nullptr;
  const event::Endpoint from{headers.source, static_cast<std::uint16_t>(headers.source_port)};
  const event::Endpoint to{headers.destination,
                           static_cast<std::uint16_t>(headers.destination_port)};
  const Flow& flow = flow_of(headers, from, to);
  // The inspector needs a clock that goes on, whichever it is.
  const BootNs time{static_cast<std::uint64_t>(std::max<std::int64_t>(packet.time.ns, 0))};
  inspector_->add(flow.number, flow.source == from, time, headers, [&](const Finding& finding) {
    if (!found_) found_ = request_of(finding);
  });
  return found_ ? &*found_ : nullptr;
}

}  // namespace alibi::query
