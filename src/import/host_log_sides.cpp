// Which end of an incoming connection is the imported host's own.
//
// Versions of Sysmon and of event 5156, and within one version TCP and UDP,
// differ in which side they call the source: who began, or this host.

#include <algorithm>
#include <cctype>

#include "import/host_log.hpp"

namespace alibi::import {
namespace {

using event::Direction;
using event::IpAddress;
using event::Kind;
using event::Record;

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool is_same_name(std::string_view a, std::string_view b) {
  a = a.substr(0, a.find('.'));
  b = b.substr(0, b.find('.'));
  return !a.empty() && std::ranges::equal(a, b, {}, lower, lower);
}

bool is_connection(const Record& record) {
  return record.kind == Kind::FlowOpen && record.local && record.remote;
}

/// One end of every connection is the host's. While there are connections
/// without a known one, the address that most of them share is; where two share
/// the same, none can be told.
void add_shared(const std::vector<Draft>& drafts, std::set<IpAddress>& own) {
  while (true) {
    std::map<IpAddress, std::uint64_t> uses;
    for (const Draft& draft : drafts) {
      if (!is_connection(draft.record)) continue;
      const IpAddress& a = draft.record.local->address;
      const IpAddress& b = draft.record.remote->address;
      if (own.contains(a) || own.contains(b)) continue;
      ++uses[a];
      if (a != b) ++uses[b];
    }
    const auto best =
        std::ranges::max_element(uses, {}, [](const auto& use) { return use.second; });
    if (best == uses.end()) return;
    const auto is_as_good = [&](const auto& use) { return use.second == best->second; };
    if (std::ranges::count_if(uses, is_as_good) > 1) return;
    own.insert(best->first);
  }
}

}  // namespace

std::set<IpAddress> HostLog::own_addresses() const {
  std::set<IpAddress> own;
  for (const Draft& draft : drafts_) {
    const Record& record = draft.record;
    if (!is_connection(record)) continue;
    if (record.direction == Direction::Out || is_same_name(draft.local_name, host_))
      own.insert(record.local->address);
    if (is_same_name(record.name, host_)) own.insert(record.remote->address);
  }
  add_shared(drafts_, own);
  return own;
}

/// The addresses of the host decide; where both or none are its own, the way the
/// others of the same log and protocol went.
void HostLog::choose_sides() {
  const std::set<IpAddress> own = own_addresses();
  std::map<std::pair<Provider, std::string>, std::int64_t> turned;  // more are turned than not
  const auto is_own = [&](const auto& end) { return own.contains(end->address); };
  const auto doubt_of = [&](const Record& record) {
    return static_cast<int>(is_own(record.remote)) - static_cast<int>(is_own(record.local));
  };
  const auto each_incoming = [&](const auto& visit) {
    for (Draft& draft : drafts_) {
      if (is_connection(draft.record) && draft.record.direction == Direction::In) visit(draft);
    }
  };
  each_incoming([&](const Draft& draft) {
    turned[{draft.provider, draft.record.proto}] += doubt_of(draft.record);
  });
  each_incoming([&](Draft& draft) {
    const int doubt = doubt_of(draft.record);
    const bool most_are_turned = turned[{draft.provider, draft.record.proto}] > 0;
    if (doubt < 0 || (doubt == 0 && !most_are_turned)) return;
    std::swap(draft.record.local, draft.record.remote);
    std::swap(draft.record.name, draft.local_name);
  });
}

}  // namespace alibi::import
