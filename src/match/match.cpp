#include "match/match.hpp"

#include <algorithm>

#include "match/host_log.hpp"
#include "packet/capture_reader.hpp"

namespace alibi::match {
namespace {

using event::Grade;

Status read_captures(const std::vector<std::filesystem::path>& files, CaptureFlows& flows,
                     MatchAnswer& answer) {
  for (std::uint32_t i = 0; i < files.size(); ++i) {
    auto reader = packet::CaptureReader::open(files[i]);
    if (!reader) return std::unexpected(reader.error());
    while (true) {
      const auto packet = (*reader)->next();
      if (!packet && packet.error().code != Errc::Corrupt) return std::unexpected(packet.error());
      if (!packet) answer.damage.push_back(packet.error().message);
      if (!packet || !*packet) break;
      (void)flows.add(**packet, i);
    }
  }
  answer.packets = flows.packets();
  answer.passed_over = flows.passed_over();
  return {};
}

/// What the record says, lowered by what links it to the capture.
Grade grade_of(Grade recorded, const End& end) {
  const bool is_lower = end.method != Method::Addresses || end.is_weak;
  return is_lower ? std::max(recorded, Grade::Likely) : recorded;
}

class Describer {
 public:
  Describer(const HostLog& log, const Judgements& judgements, store::LogReader& reader)
      : log_(log), judgements_(judgements), reader_(reader) {}

  Status describe(std::vector<MatchedFlow>& matched);

 private:
  EndAnswer end_answer(const End& end) const;

  const HostLog& log_;
  const Judgements& judgements_;
  store::LogReader& reader_;
  std::map<std::size_t, query::FlowAnswer> answers_;  ///< by index of the log's flows
};

EndAnswer Describer::end_answer(const End& end) const {
  EndAnswer answer{.host = log_.facts.hosts[log_.facts.flows[end.flow].host].name,
                   .answer = answers_.at(end.flow),
                   .end = end};
  answer.grade = grade_of(answer.answer.flow.grade, end);
  answer.via = std::string(to_text(end.method)) + "; " + answer.answer.flow.via;
  return answer;
}

Status Describer::describe(std::vector<MatchedFlow>& matched) {
  std::vector<std::size_t> wanted;
  for (const Judgement& judgement : judgements_.flows) {
    for (const End& end : judgement.ends)
      wanted.push_back(end.flow);
    wanted.insert(wanted.end(), judgement.candidates.begin(), judgement.candidates.end());
  }
  std::ranges::sort(wanted);
  wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
  std::vector<query::Flow> flows;
  for (const std::size_t i : wanted)
    flows.push_back(log_.flows[i]);
  auto described = query::describe(reader_, std::move(flows));
  if (!described) return std::unexpected(described.error());
  for (std::size_t i = 0; i < wanted.size(); ++i)
    answers_.emplace(wanted[i], std::move((*described)[i]));
  for (std::size_t i = 0; i < matched.size(); ++i) {
    for (const End& end : judgements_.flows[i].ends)
      matched[i].ends.push_back(end_answer(end));
    for (const std::size_t candidate : judgements_.flows[i].candidates) {
      const End end{.flow = candidate,
                    .offset = judgements_.offsets[log_.facts.flows[candidate].clock],
                    .is_weak = true};
      matched[i].candidates.push_back(end_answer(end));
    }
  }
  return {};
}

}  // namespace

Result<MatchAnswer> match(const std::vector<std::filesystem::path>& captures,
                          const std::filesystem::path& directory,
                          const std::filesystem::path& identity, store::LogReader& reader) {
  MatchAnswer answer;
  CaptureFlows seen;
  if (auto done = read_captures(captures, seen, answer); !done)
    return std::unexpected(done.error());
  auto log = read_host_log(reader, seen.flows());
  if (!log) return std::unexpected(log.error());
  const auto forwarded = add_wire(directory, identity, *log);
  if (!forwarded) return std::unexpected(forwarded.error());
  const Judgements judgements = judge(log->facts);
  for (std::size_t i = 0; i < judgements.flows.size(); ++i) {
    const Judgement& judgement = judgements.flows[i];
    MatchedFlow& flow = answer.flows.emplace_back(MatchedFlow{.flow = log->facts.capture[i],
                                                              .verdict = judgement.verdict,
                                                              .altered = judgement.altered,
                                                              .reason = judgement.reason,
                                                              .offset = judgement.offset});
    if (judgement.host) flow.host = log->facts.hosts[*judgement.host].name;
    if (judgement.verdict != Verdict::NotOurs || !(*forwarded)[i]) continue;
    flow.verdict = Verdict::Forwarded;
    flow.reason = "its packets passed this host between two others";
  }
  for (std::size_t i = 0; i < log->facts.clocks.size(); ++i) {
    const Clock& clock = log->facts.clocks[i];
    answer.clocks.push_back({log->facts.hosts[clock.host].name, clock.name, judgements.offsets[i]});
  }
  if (auto done = Describer(*log, judgements, reader).describe(answer.flows); !done)
    return std::unexpected(done.error());
  return answer;
}

}  // namespace alibi::match
