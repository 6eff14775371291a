#include "match/annotate.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "packet/capture_reader.hpp"

namespace alibi::match {
namespace {

/// Comments are words; a name with a blank must not make two of one.
std::string one_word(std::string text) {
  for (char& c : text)
    c = static_cast<unsigned char>(c) <= ' ' ? '_' : c;
  return text;
}

packet::ProcessInfo info_of(const EndAnswer& end) {
  const query::Process& process = *end.answer.process;
  packet::ProcessInfo info{
      .pid = process.key.pid, .path = process.exe, .args = process.args, .user = process.user};
  info.name = process.exe.substr(process.exe.find_last_of("/\\") + 1);
  if (process.parent) info.parent_pid = process.parent->pid;
  if (process.start.ns > 0) info.start_ns = static_cast<std::uint64_t>(process.start.ns);
  info.comment = fmt::format("process={} host={} grade={}", to_text(process.key),
                             one_word(end.host), to_text(end.grade));
  return info;
}

/// What the packets of one flow and direction carry.
struct Label {
  std::optional<packet::ProcessInfo> info;
  std::string comment;
};

class Labels {
 public:
  explicit Labels(const MatchAnswer& answer) : answer_(answer) {}
  const Label& of(std::size_t flow, bool is_from_source);

 private:
  Label make(const MatchedFlow& flow, bool is_from_source);

  const MatchAnswer& answer_;
  std::map<std::pair<std::size_t, bool>, Label> made_;
  std::map<std::uint32_t, std::string> owners_;  ///< of pids: comment of the process
};

Label Labels::make(const MatchedFlow& flow, bool is_from_source) {
  Label label{.info = {}, .comment = fmt::format("verdict={}", to_text(flow.verdict))};
  const EndAnswer* chosen = nullptr;
  for (const EndAnswer& end : flow.ends) {
    if (!end.answer.process) continue;
    const bool is_source = end.answer.flow.local == flow.flow.source ||
                           end.answer.flow.remote == flow.flow.destination;
    if (!chosen || is_source == is_from_source) chosen = &end;
  }
  if (!chosen) return label;
  auto info = info_of(*chosen);
  label.comment += fmt::format(" host={} grade={}", one_word(chosen->host), to_text(chosen->grade));
  if (owners_.try_emplace(info.pid, info.comment).first->second == info.comment)
    label.info = std::move(info);
  else
    label.comment += fmt::format(" process={}", to_text(chosen->answer.process->key));
  return label;
}

const Label& Labels::of(std::size_t flow, bool is_from_source) {
  const auto [place, is_new] = made_.try_emplace({flow, is_from_source});
  if (is_new) place->second = make(answer_.flows[flow], is_from_source);
  return place->second;
}

}  // namespace

Status annotate(const std::vector<std::filesystem::path>& captures, const MatchAnswer& answer,
                const VisitAnnotated& visit) {
  CaptureFlows flows;
  Labels labels(answer);
  const Label none;
  for (std::uint32_t i = 0; i < captures.size(); ++i) {
    auto reader = packet::CaptureReader::open(captures[i]);
    if (!reader) return std::unexpected(reader.error());
    while (true) {
      const auto next = (*reader)->next();
      if (!next && next.error().code != Errc::Corrupt) return std::unexpected(next.error());
      if (!next || !*next) break;  // damage was told by match()
      packet::Packet packet = **next;
      const auto headers = decode_headers(packet);
      const auto flow = flows.add(packet, i);
      const Label* label = &none;
      if (flow) {
        const event::Endpoint& source = answer.flows[*flow].flow.source;
        const bool is_same_port = !source.port || *source.port == headers.source_port;
        label = &labels.of(*flow, headers.source == source.address && is_same_port);
        packet.comment = label->comment;
      }
      packet.pid.reset();
      if (label->info) packet.pid = label->info->pid;
      const query::LoggedPacket logged{packet, (*reader)->interfaces()[packet.interface],
                                       label->info ? &*label->info : nullptr, (*reader)->names(),
                                       i};
      if (auto done = visit(logged, headers); !done) return done;
    }
  }
  return {};
}

}  // namespace alibi::match
