#include "report/match_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "report/json_parts.hpp"
#include "report/text.hpp"

namespace alibi::report {
namespace {

using match::EndAnswer;
using match::MatchedFlow;
using match::Offset;
using match::Verdict;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::size_t kListedCandidates = 4;

std::string seconds_text(std::int64_t ns) {
  const std::int64_t size = std::abs(ns);
  return size < 1'000'000 * kSecondNs / 1'000'000
             ? duration_text(size)
             : fmt::format("{:.3f} s", static_cast<double>(size) / static_cast<double>(kSecondNs));
}

Ink ink_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ours: return Ink::Good;
    case Verdict::Altered: return Ink::Bad;
    case Verdict::NoRecord: return Ink::Warn;
    case Verdict::Ambiguous: return Ink::Warn;
    case Verdict::Forwarded:
    case Verdict::NotOurs: break;
  }
  return Ink::Dim;
}

/// "powershell.exe (pid 7, user u) at HOST".
std::string actor_text(const EndAnswer& end) {
  const std::string actor =
      end.answer.process ? label_of(*end.answer.process) : "a process nobody can name";
  return actor + " at " + printable(end.host);
}

std::string fact(std::string_view name, const std::string& text, const Style& style) {
  return fmt::format("  {} {}\n", style.paint(Ink::Dim, fmt::format("{:<11}", name)), text);
}

void add_end(std::string& out, const MatchedFlow& flow, const EndAnswer& end, const Style& style) {
  const bool is_source =
      end.answer.flow.local == flow.flow.source || end.answer.flow.remote == flow.flow.destination;
  out +=
      fact(is_source ? "sent by" : "received by", style.paint(Ink::Strong, actor_text(end)), style);
  if (end.answer.process) {
    if (const std::string command = command_of(end.answer.process->args); !command.empty())
      out += fact("command", command, style);
  }
  std::string chain;
  for (const auto& ancestor : end.answer.ancestors)
    chain += (chain.empty() ? "" : ", by ") + label_of(ancestor);
  if (!chain.empty()) out += fact("started by", chain, style);
  out += fact("certainty", std::string(to_text(end.grade)) + ": " + printable(end.via), style);
}

std::string ends_text(const match::CaptureFlow& flow) {
  return fmt::format("{} {} → {}", match::proto_name(flow.protocol), to_text(flow.source),
                     to_text(flow.destination));
}

void add_flow(std::string& out, const MatchedFlow& flow, const Style& style) {
  out += line_of(
      fmt::format("{}  {}  {}  {}", date_time(flow.flow.first, style.zone),
                  style.paint(ink_of(flow.verdict), fmt::format("{:<9}", to_text(flow.verdict))),
                  ends_text(flow.flow), count_text(flow.flow.packets, "packet")),
      style.columns);
  for (const EndAnswer& end : flow.ends)
    add_end(out, flow, end, style);
  for (const std::string& field : flow.altered)
    out += fact("altered", field, style);
  if (!flow.reason.empty()) out += fact("because", printable(flow.reason), style);
  for (std::size_t i = 0; i < std::min(flow.candidates.size(), kListedCandidates); ++i)
    out += fact("perhaps", actor_text(flow.candidates[i]), style);
  if (flow.candidates.size() > kListedCandidates)
    out += fact("", fmt::format("and {} more", flow.candidates.size() - kListedCandidates), style);
}

/// Flows that have nothing to do with the hosts, in one line.
std::string foreign_line(std::uint64_t count) {
  return count == 0 ? "" : fmt::format("{} of none of these hosts\n", count_text(count, "flow"));
}

Json offset_json(const Offset& offset) {
  if (offset.state == Offset::State::Unknown) return nullptr;
  return static_cast<double>(offset.ahead_ns / 1000) / 1e6;
}

Json port_json(const event::Endpoint& end) { return end.port ? Json(*end.port) : Json(nullptr); }

Json capture_flow_json(const match::CaptureFlow& flow) {
  return {{"proto", match::proto_name(flow.protocol)},
          {"src", to_text(flow.source.address)},
          {"sport", port_json(flow.source)},
          {"dst", to_text(flow.destination.address)},
          {"dport", port_json(flow.destination)},
          {"first", event::to_text(flow.first)},
          {"packets", flow.packets},
          {"last", event::to_text(flow.last)},
          {"duplicates", flow.duplicates}};
}

Json process_or_null(const EndAnswer& end) {
  return end.answer.process ? process_json(*end.answer.process) : Json(nullptr);
}

Json end_json(const EndAnswer& end) {
  const Offset& offset = end.end.offset;
  return {{"host", text_or_null(end.host)},
          {"process", process_or_null(end)},
          {"ancestors", chain_json(end.answer.ancestors)},
          {"local", endpoint_json(end.answer.flow.local)},
          {"remote", endpoint_json(end.answer.flow.remote)},
          {"clock_offset_s", offset_json(offset)},
          {"clock_spread_s", static_cast<double>(offset.spread_ns / 1000) / 1e6},
          {"clock_flows", offset.flows},
          {"grade", to_text(end.grade)},
          {"via", end.via}};
}

Json list_json(const std::vector<EndAnswer>& ends) {
  Json list = Json::array();
  for (const EndAnswer& end : ends)
    list.push_back(end_json(end));
  return list;
}

}  // namespace

std::string clock_text(const match::ClockAnswer& clock) {
  const Offset& offset = clock.offset;
  const std::string name = printable(clock.host) + (clock.clock.empty() ? "" : " " + clock.clock);
  if (offset.state == Offset::State::Unknown)
    return fmt::format("{}: its clock cannot be compared with the capture's", name);
  const char* side = offset.ahead_ns < 0 ? "behind" : "ahead of";
  const std::string size = seconds_text(offset.ahead_ns);
  if (offset.state == Offset::State::One)
    return fmt::format("{}: {} {} the capture by a single flow, which proves little", name, size,
                       side);
  return fmt::format("{}: {} {} the capture ({} agree within {})", name, size, side,
                     count_text(offset.flows, "flow"), duration_text(offset.spread_ns));
}

std::string to_text(const match::MatchAnswer& answer, const Style& style) {
  std::string out;
  std::uint64_t foreign = 0;
  for (const MatchedFlow& flow : answer.flows) {
    if (flow.verdict == Verdict::NotOurs)
      ++foreign;
    else
      add_flow(out, flow, style);
  }
  return out + foreign_line(foreign);
}

std::string to_json(const MatchedFlow& flow) {
  const EndAnswer* first = flow.ends.empty() ? nullptr : &flow.ends.front();
  const Json json = {{"capture_flow", capture_flow_json(flow.flow)},
                     {"verdict", to_text(flow.verdict)},
                     {"process", first ? process_or_null(*first) : Json(nullptr)},
                     {"ancestors", first ? chain_json(first->answer.ancestors) : Json::array()},
                     {"host", text_or_null(first ? first->host : flow.host)},
                     {"clock_offset_s", offset_json(first ? first->end.offset : flow.offset)},
                     {"grade", first                                ? Json(to_text(first->grade))
                               : flow.verdict == Verdict::Ambiguous ? Json("ambiguous")
                                                                    : Json("unknown")},
                     {"via", first ? Json(first->via) : Json(nullptr)},
                     {"reason", text_or_null(flow.reason)},
                     {"altered", flow.altered},
                     {"ends", list_json(flow.ends)},
                     {"candidates", list_json(flow.candidates)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace alibi::report
