#pragma once
// What was asked for, at the packet that completed the asking: joins the
// records http, http_response, tls, quic, dns_query and dns_answer of the event
// log with packets, by addresses and time.
//
// Thread: one. Memory: at most kRequestsMax records, read forward as the packets
// advance; where more come within seconds, some packets are told without theirs.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/record.hpp"
#include "packet/headers.hpp"
#include "query/packet_log.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {

struct Request {
  event::Kind kind = event::Kind::DnsQuery;
  std::string name;    ///< URL, server name, question; raw bytes
  std::string verb;    ///< method of a request, type of a DNS question
  std::string result;  ///< status of a response, RCODE and addresses of an answer
  /// Of the log: which page made a browser send it, as far as that was told (referer, origin,
  /// sec_fetch_site, sec_fetch_user). Of payload: all that docs/requests.md names.
  std::vector<std::pair<std::string, std::string>> fields;

  [[nodiscard]] std::string_view field(std::string_view key) const;  ///< empty: not there
};

class Requests {
 public:
  static constexpr std::size_t kRequestsMax = 200'000;

  /// `events` may be null: then nothing is known. It must live as long.
  Requests(store::LogReader* events, TimeRange range) : events_(events), range_(range) {}

  /// One record that the caller has read (live view).
  void add(const event::Record& record);
  /// Forgets what is older.
  void forget_before(WallNs time);

  /// Of a packet that may have completed one. Reads on in the event log, except
  /// in a live view. Errors: Io, Denied.
  Result<const Request*> find(const packet::Packet& packet, const packet::Headers& headers);
  /// The same without reading on.
  [[nodiscard]] const Request* known(const packet::Packet& packet,
                                     const packet::Headers& headers) const;

 private:
  using Ends = std::pair<event::Endpoint, event::Endpoint>;  ///< the smaller one first
  Status load_from(WallNs time);

  store::LogReader* events_;
  TimeRange range_;
  std::map<Ends, std::map<std::int64_t, Request>> by_ends_;  ///< then by time, nanoseconds
  std::size_t count_ = 0;
  WallNs loaded_until_{INT64_MIN};
};

/// The kinds of records that tell requests.
[[nodiscard]] bool is_request_kind(event::Kind kind);

}  // namespace alibi::query
