#include "match/clock_offset.hpp"

#include <algorithm>
#include <set>

namespace alibi::match {
namespace {

constexpr std::int64_t kMillisecondNs = 1'000'000;
/// Flows that agree lie this close: what a host needs to note a connection, on a
/// loaded machine, and what clocks drift during a capture.
constexpr std::int64_t kWindowNs = 500 * kMillisecondNs;
constexpr std::int64_t kToleranceNs = 1000 * kMillisecondNs;

struct Window {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t flows = 0;
};

std::size_t telling_flows(const std::vector<Coincidence>& all, std::size_t begin, std::size_t end) {
  std::set<std::string_view> flows;
  for (std::size_t i = begin; i < end; ++i) {
    if (all[i].is_telling) flows.insert(all[i].flow);
  }
  return flows.size();
}

/// The window with most flows; among `all` sorted by ahead_ns, outside `but`.
Window best_window(const std::vector<Coincidence>& all, std::int64_t width_ns, const Window* but) {
  Window best;
  std::size_t end = 0;
  for (std::size_t begin = 0; begin < all.size(); ++begin) {
    end = std::max(end, begin);
    while (end < all.size() && all[end].ahead_ns - all[begin].ahead_ns <= width_ns)
      ++end;
    if (but && begin < but->end && end > but->begin) continue;
    if (end - begin <= best.flows) continue;  // cannot have more
    const std::size_t flows = telling_flows(all, begin, end);
    if (flows > best.flows) best = {begin, end, flows};
  }
  return best;
}

}  // namespace

Offset estimate_offset(std::vector<Coincidence> all, std::int64_t precision_ns) {
  std::ranges::sort(all, {}, &Coincidence::ahead_ns);
  const std::int64_t width_ns = kWindowNs + precision_ns;
  const Window best = best_window(all, width_ns, nullptr);
  if (best.flows == 0) return {};
  const Window second = best_window(all, width_ns, &best);
  // Half as many that agree on something else: neither can be believed.
  if (second.flows * 2 > best.flows) return {};
  std::vector<std::int64_t> agreeing;
  for (std::size_t i = best.begin; i < best.end; ++i) {
    if (all[i].is_telling) agreeing.push_back(all[i].ahead_ns);
  }
  return {.state = best.flows > 1 ? Offset::State::Estimated : Offset::State::One,
          .ahead_ns = agreeing[agreeing.size() / 2],
          .spread_ns = agreeing.back() - agreeing.front(),
          .flows = best.flows};
}

std::int64_t tolerance_ns(const Offset& offset, std::int64_t precision_ns) {
  return std::max(kToleranceNs, 2 * offset.spread_ns) + precision_ns;
}

}  // namespace alibi::match
