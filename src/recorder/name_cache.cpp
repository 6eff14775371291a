#include "recorder/name_cache.hpp"

#include <algorithm>
#include <iterator>

namespace alibi::recorder {
namespace {

constexpr std::size_t kMaxAlternatives = 4;
constexpr std::size_t kMaxOthersSeen = 64;  // answers looked at for one address
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

void add_alternative(NameHit& hit, const std::string& name) {
  if (name == hit.name || hit.also.size() >= kMaxAlternatives) return;
  if (std::ranges::find(hit.also, name) == hit.also.end()) hit.also.push_back(name);
}

}  // namespace

std::string describe(const NameHit& hit) {
  switch (hit.source) {
    case NameSource::OwnAnswer: return "own answer";
    case NameSource::AnswerToAncestor: return "answer to parent";
    case NameSource::AnswerToOther: break;
  }
  return "answer to another process " + event::to_text(hit.told);
}

void NameCache::remember(event::ProcessKey process, const event::IpAddress& address,
                         std::string_view name, BootNs told_at, std::uint32_t ttl_s) {
  auto& own = by_process_[process];
  const auto known = std::ranges::find_if(
      own, [&](const Place& place) { return place->address == address && place->name == name; });
  if (known != own.end()) {
    evict(*known);  // the index is ordered by time: taken out, and put in anew below
  } else if (own.size() >= limits_.per_process) {
    // Places of one process are kept in order of use.
    evict(own.front());
  } else if (entries_.size() >= limits_.total) {
    evict(entries_.begin());
  }
  const Place place =
      entries_.insert(entries_.end(), Entry{process, address, std::string(name), told_at,
                                            std::min(ttl_s, limits_.max_ttl_s), next_id_++});
  by_process_[process].push_back(place);
  by_address_.insert(place);
}

void NameCache::evict(Place place) {
  by_address_.erase(place);
  const auto own = by_process_.find(place->process);
  std::erase(own->second, place);
  if (own->second.empty()) by_process_.erase(own);
  entries_.erase(place);
}

bool NameCache::is_good(const Entry& entry, BootNs at, std::uint32_t grace_s) const {
  if (entry.told_at > at) return false;
  const std::uint64_t good_ns = (std::uint64_t{entry.ttl_s} + grace_s) * kNsPerSecond;
  return at.ns - entry.told_at.ns <= good_ns;
}

std::optional<NameHit> NameCache::lookup(event::ProcessKey process,
                                         std::span<const event::ProcessKey> ancestors,
                                         const event::IpAddress& address, BootNs at) {
  if (auto hit = lookup_told(process, NameSource::OwnAnswer, address, at)) return hit;
  for (const event::ProcessKey ancestor : ancestors) {
    if (auto hit = lookup_told(ancestor, NameSource::AnswerToAncestor, address, at)) return hit;
  }
  return lookup_other(address, at);
}

std::optional<NameHit> NameCache::lookup_told(event::ProcessKey process, NameSource source,
                                              const event::IpAddress& address, BootNs at) {
  const auto own = by_process_.find(process);
  if (own == by_process_.end()) return std::nullopt;
  std::vector<Place> good;
  std::ranges::copy_if(own->second, std::back_inserter(good), [&](const Place& place) {
    return place->address == address && is_good(*place, at, limits_.own_grace_s);
  });
  if (good.empty()) return std::nullopt;
  std::ranges::sort(good, [](const Place& a, const Place& b) {
    return std::tie(a->told_at, a->id) > std::tie(b->told_at, b->id);
  });
  const Place best = good.front();
  NameHit hit{best->name, source, process, best->told_at, {}};
  for (const Place& place : good)
    add_alternative(hit, place->name);
  entries_.splice(entries_.end(), entries_, best);
  const auto used = std::ranges::find(own->second, best);
  std::rotate(used, used + 1, own->second.end());
  return hit;
}

std::optional<NameHit> NameCache::lookup_other(const event::IpAddress& address, BootNs at) {
  Entries probe;
  probe.push_back(Entry{.address = address, .told_at = at, .id = UINT64_MAX});
  auto after = by_address_.upper_bound(probe.begin());
  std::optional<NameHit> hit;
  for (std::size_t seen = 0; after != by_address_.begin() && seen < kMaxOthersSeen; ++seen) {
    const Place place = *--after;
    if (place->address != address) break;
    if (!is_good(*place, at, limits_.other_grace_s)) continue;
    if (!hit) {
      hit = NameHit{place->name, NameSource::AnswerToOther, place->process, place->told_at, {}};
    } else {
      add_alternative(*hit, place->name);
    }
  }
  return hit;
}

}  // namespace alibi::recorder
