#include "match/judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "match/alteration.hpp"
#include "match/candidates.hpp"

namespace alibi::match {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
/// Clocks that are set by NTP, or by hand with care, agree this well. Within it a
/// single flow is believed; beyond it one coincidence proves nothing.
constexpr std::int64_t kSetClockNs = 5 * kSecondNs;
/// A connection whose end no log tells is not taken for one seen this much later.
constexpr std::int64_t kOldestOpenNs = 24 * 3600 * kSecondNs;
constexpr std::size_t kTellingFlows = 2;

/// Whether the first packet in the capture is the first of the flow.
bool tells_start(const CaptureFlow& flow) {
  constexpr std::uint8_t kTcp = 6;
  return flow.protocol != kTcp || flow.has_beginning;
}

/// The address in the capture that stands for the host's own.
const event::IpAddress& translated_address(const CaptureFlow& seen, const HostFlow& host) {
  return host.remote == seen.destination ? seen.source.address : seen.destination.address;
}

struct Fit {
  std::size_t flow = 0;
  std::int64_t off_ns = 0;  ///< from where the start should be
  bool is_weak = false;
};

class Judge {
 public:
  explicit Judge(const Facts& facts) : facts_(facts), candidates_(facts) {}
  Judgements run();

 private:
  void estimate_offsets();
  void add_coincidences(const CaptureFlow& flow, const Candidates::List& found,
                        std::map<std::size_t, std::vector<Coincidence>>& by_clock) const;
  bool judge_strongly(const CaptureFlow& flow, Judgement& judgement) const;
  void judge_weakly(const CaptureFlow& flow, Judgement& judgement) const;
  void doubt_translations(std::vector<Judgement>& judgements) const;
  [[nodiscard]] bool has_source(const CaptureFlow& flow, const Judgement& judgement) const;
  void add_source(const CaptureFlow& flow, Judgement& judgement) const;
  [[nodiscard]] Candidates::List not_claimed(const CaptureFlow& flow, Candidates::List list) const;
  bool take_fits(const CaptureFlow& flow, const Candidates::List& found, Method method,
                 Judgement& judgement) const;
  [[nodiscard]] std::optional<Fit> fit(const CaptureFlow& flow, std::size_t index,
                                       Method method) const;
  [[nodiscard]] std::optional<Fit> fit_in_time(const CaptureFlow& flow, const HostFlow& host) const;
  void explain_absence(const CaptureFlow& flow, const Candidates::List& same_ends,
                       Judgement& judgement) const;
  [[nodiscard]] const Host* owner_of(const event::IpAddress& address) const;
  void join_twins(std::vector<Judgement>& judgements) const;
  void learn_translated(const std::vector<Judgement>& judgements);

  const Facts& facts_;
  Candidates candidates_;
  std::vector<Offset> offsets_;
  std::set<std::size_t> claimed_;  ///< flows of the logs that were found by strong methods
  std::map<event::IpAddress, std::size_t> translated_;  ///< addresses that hosts appear under
};

/// Flows with the same ends vote; where a capture has none of a host's addresses,
/// those that a translated address can explain.
void Judge::estimate_offsets() {
  std::map<std::size_t, std::vector<Coincidence>> by_clock;
  for (const CaptureFlow& flow : facts_.capture) {
    const auto same = candidates_.same_ends(flow);
    add_coincidences(flow, same, by_clock);
    add_coincidences(flow, candidates_.same_sequence(flow), by_clock);
    if (!same.empty()) continue;
    add_coincidences(flow, candidates_.kept_port(flow), by_clock);
    add_coincidences(flow, candidates_.same_payload(flow), by_clock);
  }
  for (std::size_t i = 0; i < facts_.clocks.size(); ++i)
    offsets_.push_back(estimate_offset(std::move(by_clock[i]), facts_.clocks[i].precision_ns));
}

void Judge::add_coincidences(const CaptureFlow& flow, const Candidates::List& found,
                             std::map<std::size_t, std::vector<Coincidence>>& by_clock) const {
  if (!tells_start(flow)) return;
  const std::string name = name_of(proto_name(flow.protocol), flow.source, flow.destination);
  for (const std::size_t i : found) {
    const HostFlow& host = facts_.flows[i];
    by_clock[host.clock].push_back(
        {.clock = host.clock,
         .ahead_ns = host.start_ns - flow.first.ns,
         .flow = name,
         .is_telling = is_ephemeral(flow.source) || is_ephemeral(flow.destination)});
  }
}

std::optional<Fit> Judge::fit_in_time(const CaptureFlow& flow, const HostFlow& host) const {
  const Offset& offset = offsets_[host.clock];
  if (offset.state == Offset::State::Unknown) return std::nullopt;
  const bool is_one = offset.state == Offset::State::One;
  if (is_one && std::abs(offset.ahead_ns) > kSetClockNs) return std::nullopt;
  const std::int64_t slack_ns = tolerance_ns(offset, facts_.clocks[host.clock].precision_ns);
  const std::int64_t seen_ns = flow.first.ns + offset.ahead_ns;
  const std::int64_t off_ns = host.start_ns - seen_ns;
  if (std::abs(off_ns) <= slack_ns) return Fit{0, off_ns, is_one || !tells_start(flow)};
  // Seen from its beginning, and that is elsewhere in time: another flow.
  constexpr std::uint8_t kTcp = 6;
  if (flow.protocol == kTcp && flow.has_beginning) return std::nullopt;
  const bool began_before = off_ns < 0;
  const bool was_open = host.end_ns ? *host.end_ns + slack_ns >= seen_ns
                                    : -off_ns <= (flow.protocol == kTcp ? kOldestOpenNs : kIdleNs);
  if (!began_before || !was_open) return std::nullopt;
  // A connection of which the capture has no SYN is older than the capture.
  const std::int64_t start_ns = facts_.capture_start_ns + offset.ahead_ns;
  if (flow.protocol == kTcp && host.start_ns > start_ns + slack_ns) return std::nullopt;
  return Fit{0, off_ns, is_one || !host.end_ns};
}

/// Both first sequence numbers are 64 bits that agree: time need not, unless it is
/// known to be another.
std::optional<Fit> Judge::fit(const CaptureFlow& flow, std::size_t index, Method method) const {
  const HostFlow& host = facts_.flows[index];
  auto found = fit_in_time(flow, host);
  const bool has_both = flow.from_source.first_seq && flow.from_destination.first_seq &&
                        host.wire && host.wire->from_local.first_seq &&
                        host.wire->from_remote.first_seq;
  const bool is_time_known = offsets_[host.clock].state == Offset::State::Estimated;
  if (!found && method == Method::Sequence && has_both && !is_time_known)
    found = Fit{index, 0, true};
  if (found) found->flow = index;
  return found;
}

/// True when something was decided: one end for each host, or that it cannot be.
bool Judge::take_fits(const CaptureFlow& flow, const Candidates::List& found, Method method,
                      Judgement& judgement) const {
  std::map<std::size_t, std::vector<Fit>> by_host;
  for (const std::size_t i : found) {
    if (const auto one = fit(flow, i, method)) by_host[facts_.flows[i].host].push_back(*one);
  }
  for (auto& [host, fits] : by_host) {
    std::ranges::sort(fits, {}, [](const Fit& one) { return std::abs(one.off_ns); });
    const HostFlow& nearest = facts_.flows[fits.front().flow];
    // Both ends of a connection within one host are two processes, not a doubt.
    const auto contradicts = [&](const Fit& one) {
      const HostFlow& other = facts_.flows[one.flow];
      return other.process != nearest.process && other.local == nearest.local;
    };
    const auto is_begun_here = [&](const Fit& one) {
      return facts_.flows[one.flow].local == flow.source;
    };
    if (nearest.is_shared || std::ranges::any_of(fits, contradicts)) {
      for (const Fit& one : fits)
        judgement.candidates.push_back(one.flow);
      judgement.reason = nearest.is_shared ? "several processes used its socket"
                                           : "several processes had such a flow at that time";
      continue;
    }
    const auto best = std::ranges::find_if(fits, is_begun_here);
    const Fit& chosen = best == fits.end() ? fits.front() : *best;
    const Offset& offset = offsets_[facts_.flows[chosen.flow].clock];
    judgement.ends.push_back({chosen.flow, method, offset, chosen.is_weak});
    // The other end of a connection within one host.
    const auto other = std::ranges::find_if(fits, [&](const Fit& one) {
      return facts_.flows[one.flow].local == facts_.flows[chosen.flow].remote;
    });
    if (other != fits.end())
      judgement.ends.push_back({other->flow, method, offset, other->is_weak});
  }
  if (judgement.ends.empty() && judgement.candidates.empty()) return false;
  std::ranges::stable_sort(judgement.ends, {}, [&](const End& end) {
    return facts_.flows[end.flow].local != flow.source;
  });
  judgement.verdict = judgement.ends.empty() ? Verdict::Ambiguous : Verdict::Ours;
  return true;
}

const Host* Judge::owner_of(const event::IpAddress& address) const {
  for (const Host& host : facts_.hosts) {
    if (host.addresses.contains(address)) return &host;
  }
  const auto found = translated_.find(address);
  return found == translated_.end() ? nullptr : &facts_.hosts[found->second];
}

/// Why there is no record although an address is ours. "Spoofed" is only worth
/// something when the host was recording and lost nothing.
void Judge::explain_absence(const CaptureFlow& flow, const Candidates::List& same_ends,
                            Judgement& judgement) const {
  const Host* host = owner_of(flow.source.address);
  const bool is_source = host != nullptr;
  if (!host) host = owner_of(flow.destination.address);
  if (!host) {
    judgement.verdict = Verdict::NotOurs;
    judgement.reason = "no address of a host in the log";
    return;
  }
  judgement.verdict = Verdict::NoRecord;
  const auto which = static_cast<std::size_t>(host - facts_.hosts.data());
  judgement.host = which;
  std::optional<Offset> offset;
  for (std::size_t i = 0; i < facts_.clocks.size(); ++i) {
    const bool is_better = !offset || offsets_[i].flows > offset->flows;
    if (facts_.clocks[i].host == which && is_better) offset = offsets_[i];
  }
  if (!offset || offset->state == Offset::State::Unknown) {
    judgement.reason =
        fmt::format("no record of it at {}, whose clock cannot be compared", host->name);
    return;
  }
  judgement.offset = *offset;
  const std::int64_t seen_ns = flow.first.ns + offset->ahead_ns;
  const auto covers = [&](const Interval& one) {
    return one.from_ns <= seen_ns && seen_ns <= one.to_ns;
  };
  if (std::ranges::none_of(host->recorded, covers)) {
    judgement.reason = fmt::format("{} was not recording then", host->name);
  } else if (std::ranges::any_of(host->lossy, covers)) {
    judgement.reason = fmt::format("{} lost events at that time", host->name);
  } else if (host->has_bad_sensor) {
    judgement.reason = fmt::format("a network sensor of {} was not working", host->name);
  } else if (!tells_start(flow)) {
    judgement.reason =
        fmt::format("it began before the capture; {} has no record of it", host->name);
  } else if (!same_ends.empty()) {
    judgement.reason =
        fmt::format("{} has these addresses and ports only at other times", host->name);
  } else if (host->is_partial) {
    judgement.reason =
        fmt::format("no record in the log of {}, which need not be complete", host->name);
  } else {
    judgement.reason = fmt::format(
        "{} recorded then, lost nothing, and has no such flow: {}", host->name,
        is_source ? "the address is forged, or of another" : "it did not reach a socket");
  }
}

bool Judge::judge_strongly(const CaptureFlow& flow, Judgement& judgement) const {
  return take_fits(flow, candidates_.same_ends(flow), Method::Addresses, judgement) ||
         take_fits(flow, candidates_.same_sequence(flow), Method::Sequence, judgement);
}

/// What was seen untranslated, or is another by its sequence numbers, is not
/// behind a translated address.
Candidates::List Judge::not_claimed(const CaptureFlow& flow, Candidates::List list) const {
  std::erase_if(list, [&](std::size_t i) {
    const auto& wire = facts_.flows[i].wire;
    const bool has_numbers = wire && flow.from_source.first_seq &&
                             (wire->from_local.first_seq || wire->from_remote.first_seq);
    return claimed_.contains(i) || has_numbers;
  });
  return list;
}

void Judge::judge_weakly(const CaptureFlow& flow, Judgement& judgement) const {
  const auto same = candidates_.same_ends(flow);
  if (same.empty() && !(owner_of(flow.source.address) && owner_of(flow.destination.address))) {
    if (take_fits(flow, not_claimed(flow, candidates_.same_payload(flow)), Method::Payload,
                  judgement))
      return;
    if (take_fits(flow, not_claimed(flow, candidates_.kept_port(flow)), Method::KeptPort,
                  judgement))
      return;
  }
  const auto is_clock_unknown = [&](std::size_t i) {
    const Offset& offset = offsets_[facts_.flows[i].clock];
    return offset.state != Offset::State::Estimated;
  };
  if (!same.empty() && std::ranges::all_of(same, is_clock_unknown)) {
    judgement.verdict = Verdict::Ambiguous;
    judgement.candidates = same;
    judgement.reason =
        "the log has these addresses and ports, but too few flows tell how the "
        "clocks compare";
    return;
  }
  explain_absence(flow, same, judgement);
}

/// One port and time that agree may be chance; an address that is a host's,
/// translated, shows it more than once. Two flows cannot be the same one.
void Judge::doubt_translations(std::vector<Judgement>& judgements) const {
  std::map<std::pair<event::IpAddress, std::size_t>, std::size_t> seen;  // address, host
  std::map<std::size_t, std::size_t> uses;                               // of flows in logs
  const auto each = [&](const auto& visit) {
    for (std::size_t i = 0; i < judgements.size(); ++i) {
      for (const End& end : judgements[i].ends) {
        if (end.method == Method::KeptPort || end.method == Method::Payload)
          visit(judgements[i], end, translated_address(facts_.capture[i], facts_.flows[end.flow]));
      }
    }
  };
  each([&](const Judgement&, const End& end, const event::IpAddress& address) {
    ++seen[{address, facts_.flows[end.flow].host}];
    ++uses[end.flow];
  });
  const auto is_doubtful = [&](std::size_t i, const End& end) {
    if (end.method != Method::KeptPort && end.method != Method::Payload) return false;
    const auto& address = translated_address(facts_.capture[i], facts_.flows[end.flow]);
    const bool is_single = end.method == Method::KeptPort &&
                           seen.at({address, facts_.flows[end.flow].host}) < kTellingFlows;
    return is_single || uses.at(end.flow) > 1;
  };
  for (std::size_t i = 0; i < judgements.size(); ++i) {
    Judgement& judgement = judgements[i];
    const auto doubtful = std::ranges::stable_partition(
        judgement.ends, [&](const End& end) { return !is_doubtful(i, end); });
    if (doubtful.empty()) continue;
    for (const End& end : doubtful)
      judgement.candidates.push_back(end.flow);
    judgement.ends.erase(doubtful.begin(), doubtful.end());
    judgement.reason = "it may be a translated flow of the log, but too little agrees";
    if (judgement.ends.empty()) judgement.verdict = Verdict::Ambiguous;
  }
}

bool Judge::has_source(const CaptureFlow& flow, const Judgement& judgement) const {
  return std::ranges::any_of(judgement.ends, [&](const End& end) {
    const HostFlow& host = facts_.flows[end.flow];
    return host.local == flow.source || host.remote == flow.destination;
  });
}

/// Who answered is known; who began may be behind a translation, in another log
/// or in another network of the same host.
void Judge::add_source(const CaptureFlow& flow, Judgement& judgement) const {
  if (judgement.verdict != Verdict::Ours || has_source(flow, judgement)) return;
  const auto only_out = [&](Candidates::List list) {
    std::erase_if(list, [&](std::size_t i) {
      return facts_.flows[i].remote != flow.destination || facts_.flows[i].local == flow.source;
    });
    return list;
  };
  Judgement source;
  if (!take_fits(flow, only_out(candidates_.same_sequence(flow)), Method::Sequence, source) &&
      !take_fits(flow, only_out(not_claimed(flow, candidates_.kept_port(flow))), Method::KeptPort,
                 source))
    return;
  judgement.ends.insert(judgement.ends.begin(), source.ends.begin(), source.ends.end());
}

/// A flow that stands in the capture before and behind a translation has the same
/// sequence numbers in both.
void Judge::join_twins(std::vector<Judgement>& judgements) const {
  using Numbers = std::pair<std::uint32_t, std::uint32_t>;
  std::map<Numbers, std::size_t> known;
  const auto numbers_of = [&](std::size_t i) -> std::optional<Numbers> {
    const CaptureFlow& flow = facts_.capture[i];
    if (!flow.from_source.first_seq || !flow.from_destination.first_seq) return std::nullopt;
    return Numbers{*flow.from_source.first_seq, *flow.from_destination.first_seq};
  };
  for (std::size_t i = 0; i < judgements.size(); ++i) {
    const auto numbers = numbers_of(i);
    if (numbers && has_source(facts_.capture[i], judgements[i])) known.emplace(*numbers, i);
  }
  for (std::size_t i = 0; i < judgements.size(); ++i) {
    if (has_source(facts_.capture[i], judgements[i])) continue;
    const auto numbers = numbers_of(i);
    const auto twin = numbers ? known.find(*numbers) : known.end();
    if (twin == known.end()) continue;
    End end = judgements[twin->second].ends.front();
    end.method = Method::Twin;
    judgements[i].verdict = Verdict::Ours;
    judgements[i].reason.clear();
    judgements[i].candidates.clear();
    judgements[i].ends.insert(judgements[i].ends.begin(), end);
  }
}

/// The addresses under which hosts appear outside are theirs for what no record
/// tells, too.
void Judge::learn_translated(const std::vector<Judgement>& judgements) {
  for (std::size_t i = 0; i < judgements.size(); ++i) {
    for (const End& end : judgements[i].ends) {
      if (end.method == Method::Addresses || end.method == Method::Twin) continue;
      const HostFlow& host = facts_.flows[end.flow];
      translated_.emplace(translated_address(facts_.capture[i], host), host.host);
    }
  }
}

Judgements Judge::run() {
  estimate_offsets();
  Judgements result{.flows = std::vector<Judgement>(facts_.capture.size())};
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < facts_.capture.size(); ++i) {
    if (!judge_strongly(facts_.capture[i], result.flows[i])) open.push_back(i);
    for (const End& end : result.flows[i].ends)
      claimed_.insert(end.flow);
  }
  for (const std::size_t i : open)
    judge_weakly(facts_.capture[i], result.flows[i]);
  for (std::size_t i = 0; i < facts_.capture.size(); ++i)
    add_source(facts_.capture[i], result.flows[i]);
  doubt_translations(result.flows);
  join_twins(result.flows);
  learn_translated(result.flows);
  for (std::size_t i = 0; i < result.flows.size(); ++i) {
    Judgement& judgement = result.flows[i];
    if (judgement.verdict == Verdict::NotOurs && !translated_.empty())
      explain_absence(facts_.capture[i], {}, judgement);
    if (judgement.verdict != Verdict::Ours) continue;
    for (const End& end : judgement.ends) {
      auto altered = find_alterations(facts_.capture[i], facts_.flows[end.flow]);
      if (altered.size() > judgement.altered.size()) judgement.altered = std::move(altered);
    }
    if (!judgement.altered.empty()) judgement.verdict = Verdict::Altered;
  }
  result.offsets = offsets_;
  return result;
}

}  // namespace

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ours: return "ours";
    case Verdict::Forwarded: return "forwarded";
    case Verdict::NoRecord: return "no-record";
    case Verdict::Altered: return "altered";
    case Verdict::NotOurs: return "not-ours";
    case Verdict::Ambiguous: return "ambiguous";
  }
  return {};
}

std::string_view to_text(Method method) {
  switch (method) {
    case Method::Addresses: return "addresses and time";
    case Method::Sequence: return "translated: sequence numbers";
    case Method::Payload: return "translated: payload";
    case Method::KeptPort: return "translated: port, other end and time";
    case Method::Twin: return "translated: untranslated in the same capture";
  }
  return {};
}

Judgements judge(const Facts& facts) { return Judge(facts).run(); }

}  // namespace alibi::match
