#include "query/requests.hpp"

#include <algorithm>
#include <iterator>

namespace alibi::query {
namespace {

/// Records tell whole microseconds.
constexpr std::int64_t kToleranceNs = 2'000;
constexpr std::size_t kNameBytesMax = 4096;
constexpr const char* kWhoMadeIt[] = {"referer", "origin", "sec_fetch_site", "sec_fetch_user"};

std::pair<event::Endpoint, event::Endpoint> sorted(event::Endpoint one, event::Endpoint other) {
  if (other < one) std::swap(one, other);
  return {one, other};
}

Request request_of(const event::Record& record) {
  Request request{
      .kind = record.kind, .name = record.name.substr(0, kNameBytesMax), .result = record.result};
  const bool is_dns = record.kind == event::Kind::DnsQuery || record.kind == event::Kind::DnsAnswer;
  request.verb = record.find_extra(is_dns ? "type" : "method");
  if (const auto answers = record.find_extra("answers"); !answers.empty())
    request.result += (request.result.empty() ? "" : " ") + std::string(answers);
  for (const char* key : kWhoMadeIt)
    if (const auto value = record.find_extra(key); !value.empty())
      request.fields.emplace_back(key, value.substr(0, kNameBytesMax));
  return request;
}

}  // namespace

std::string_view Request::field(std::string_view key) const {
  const auto found = std::ranges::find(fields, key, [](const auto& field) { return field.first; });
  return found == fields.end() ? std::string_view() : found->second;
}

bool is_request_kind(event::Kind kind) {
  switch (kind) {
    case event::Kind::Http:
    case event::Kind::HttpResponse:
    case event::Kind::Tls:
    case event::Kind::Quic:
    case event::Kind::DnsQuery:
    case event::Kind::DnsAnswer: return true;
    default: return false;
  }
}

void Requests::add(const event::Record& record) {
  if (!is_request_kind(record.kind) || !record.local || !record.remote) return;
  auto& of_flow = by_ends_[sorted(*record.local, *record.remote)];
  count_ += of_flow.insert_or_assign(record.time.ns, request_of(record)).second ? 1 : 0;
}

void Requests::forget_before(WallNs time) {
  for (auto flow = by_ends_.begin(); flow != by_ends_.end();) {
    auto& requests = flow->second;
    const auto end = requests.lower_bound(time.ns);
    count_ -= static_cast<std::size_t>(std::distance(requests.begin(), end));
    requests.erase(requests.begin(), end);
    flow = requests.empty() ? by_ends_.erase(flow) : std::next(flow);
  }
}

const Request* Requests::known(const packet::Packet& packet, const packet::Headers& headers) const {
  if (!headers.is_transport_whole || headers.payload_bytes == 0) return nullptr;
  const event::Endpoint source{headers.source, static_cast<std::uint16_t>(headers.source_port)};
  const event::Endpoint destination{headers.destination,
                                    static_cast<std::uint16_t>(headers.destination_port)};
  const auto flow = by_ends_.find(sorted(source, destination));
  if (flow == by_ends_.end()) return nullptr;
  const auto first = flow->second.lower_bound(packet.time.ns - kToleranceNs);
  if (first == flow->second.end() || first->first > packet.time.ns + kToleranceNs) return nullptr;
  return &first->second;
}

Result<const Request*> Requests::find(const packet::Packet& packet,
                                      const packet::Headers& headers) {
  if (events_ && packet.time >= loaded_until_) {
    if (auto done = load_from(packet.time); !done) return std::unexpected(done.error());
  }
  return known(packet, headers);
}

/// As many as are kept at a time; the next call goes on where these end.
Status Requests::load_from(WallNs time) {
  forget_before({time.ns - store::kDisorderNs});
  const WallNs from{std::max(loaded_until_.ns, time.ns) - store::kDisorderNs};
  WallNs last = from;
  bool is_all = true;
  const auto done = events_->scan({.from = from, .to = range_.to}, store::Order::OldestFirst,
                                  [&](const store::BootRecord& entry) {
                                    add(entry.record);
                                    last = std::max(last, entry.record.time);
                                    if (count_ < kRequestsMax) return store::LogReader::Go::On;
                                    is_all = false;
                                    return store::LogReader::Go::Stop;
                                  });
  // Always forward, also where all those records are of one moment.
  loaded_until_ = {is_all ? INT64_MAX
                          : std::max(last.ns - store::kDisorderNs, time.ns + store::kDisorderNs)};
  return done;
}

}  // namespace alibi::query
