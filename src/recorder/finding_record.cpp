#include "recorder/finding_record.hpp"

#include "recorder/dns_record.hpp"

namespace alibi::recorder {
namespace {

using event::Kind;
using packet::FindingKind;

struct Shape {
  Kind kind;
  const char* name;    ///< the field that goes to the column `name`
  const char* result;  ///< ... to `result`; null: none
};

Shape shape_of(FindingKind kind) {
  switch (kind) {
    case FindingKind::HttpRequest: return {Kind::Http, "url", nullptr};
    case FindingKind::HttpResponse: return {Kind::HttpResponse, "url", "status"};
    case FindingKind::TlsClientHello: return {Kind::Tls, "sni", nullptr};
    case FindingKind::TlsCertificate: return {Kind::TlsCertificate, "subject", nullptr};
    default: return {Kind::Quic, "sni", nullptr};
  }
}

std::optional<event::Record> dns_record(Translation& shared, const packet::Finding& finding,
                                        Process* process) {
  const std::span<const std::uint8_t> bytes(
      reinterpret_cast<const std::uint8_t*>(finding.message.data()), finding.message.size());
  const auto message = packet::decode_dns_message(bytes, packet::DnsTransport::Udp);
  if (!message) return std::nullopt;
  if (message->is_answer && process) remember_names(shared, *process, *message, finding.time);
  if (!shared.options.record_dns) return std::nullopt;
  auto record =
      shared.make(message->is_answer ? Kind::DnsAnswer : Kind::DnsQuery, finding.time, process);
  describe_dns(record, *message);
  return record;
}

}  // namespace

std::optional<event::Record> record_of(Translation& shared, const packet::Finding& finding,
                                       Process* process) {
  if (finding.kind == FindingKind::Dns) return dns_record(shared, finding, process);
  const Shape shape = shape_of(finding.kind);
  auto record = shared.make(shape.kind, finding.time, process);
  for (const auto& [key, value] : finding.fields) {
    if (key == shape.name)
      record.name = value;
    else if (shape.result && key == shape.result)
      record.result = value;
    else if (!value.empty())
      add(record, key, value);
  }
  if (finding.is_cut) add(record, "cut", "1");
  return record;
}

}  // namespace alibi::recorder
