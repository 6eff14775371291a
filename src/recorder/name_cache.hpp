#pragma once
// Which process was told which name for an address, so that a connection can
// carry the name it was made for.
//
// Fed with the answers that reached sockets; asked when a flow opens. An answer
// helps beyond its TTL, because programs keep addresses: `own_grace_s` for the
// asker and its descendants, `other_grace_s` for everybody else (a local
// resolver asked for them).
//
// Bounded: per process and in total; the least recently used goes first, ties
// in order of arrival, so that the same input always leaves the same content.
// Not thread-safe. Memory at the limit: measured in name_cache_test.cpp.

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "event/address.hpp"
#include "event/process_key.hpp"

namespace alibi::recorder {

/// From surest to least sure.
enum class NameSource : std::uint8_t { OwnAnswer, AnswerToAncestor, AnswerToOther };

struct NameHit {
  std::string name;
  NameSource source = NameSource::OwnAnswer;
  event::ProcessKey told;  ///< the process that got the answer
  BootNs told_at;
  /// Other names valid for the address from the same source (virtual hosts):
  /// the connection may have been meant for any of them. At most 4.
  std::vector<std::string> also;
};

/// "own answer", "answer to parent", "answer to another process 12@3456".
[[nodiscard]] std::string describe(const NameHit& hit);

class NameCache {
 public:
  struct Limits {
    std::size_t per_process = 64;
    std::size_t total = 65536;
    std::uint32_t max_ttl_s = 86400;
    std::uint32_t own_grace_s = 3600;
    std::uint32_t other_grace_s = 60;
  };

  NameCache() : NameCache(Limits{}) {}
  explicit NameCache(Limits limits) : limits_(limits) {}

  /// `process` learned at `told_at` that `name` has `address`, for `ttl_s`.
  void remember(event::ProcessKey process, const event::IpAddress& address, std::string_view name,
                BootNs told_at, std::uint32_t ttl_s);

  /// The latest answer not after `at` that is still good: to the process itself,
  /// else to an ancestor (nearest first), else to anybody.
  [[nodiscard]] std::optional<NameHit> lookup(event::ProcessKey process,
                                              std::span<const event::ProcessKey> ancestors,
                                              const event::IpAddress& address, BootNs at);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    event::ProcessKey process;
    event::IpAddress address;
    std::string name;
    BootNs told_at;
    std::uint32_t ttl_s = 0;
    std::uint64_t id = 0;
  };
  using Entries = std::list<Entry>;  // least recently used first
  using Place = Entries::iterator;
  struct ByAddress {
    bool operator()(const Place& a, const Place& b) const {
      return std::tie(a->address, a->told_at, a->id) < std::tie(b->address, b->told_at, b->id);
    }
  };

  void evict(Place place);
  [[nodiscard]] bool is_good(const Entry& entry, BootNs at, std::uint32_t grace_s) const;
  [[nodiscard]] std::optional<NameHit> lookup_told(event::ProcessKey process, NameSource source,
                                                   const event::IpAddress& address, BootNs at);
  [[nodiscard]] std::optional<NameHit> lookup_other(const event::IpAddress& address, BootNs at);

  Limits limits_;
  std::uint64_t next_id_ = 0;
  Entries entries_;
  std::unordered_map<event::ProcessKey, std::vector<Place>> by_process_;
  std::set<Place, ByAddress> by_address_;
};

}  // namespace alibi::recorder
