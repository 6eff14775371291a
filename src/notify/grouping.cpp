#include "notify/grouping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "event/record.hpp"

namespace alibi::notify {
namespace {

std::string seconds_text(WallNs time) {
  const std::string text = event::to_text(time);  // 2026-11-22T02:30:10.123456Z
  return text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
}

std::string_view done_text(std::string_view action) {
  if (action == "drop") return "its packets are dropped";
  if (action == "blank") return "the content of its packets is replaced by zeros";
  if (action == "strip") return "its packets pass without the mark";
  return "nothing, its packets pass";
}

std::string_view advice(std::string_view category) {
  if (category == "malware" || category == "remote_control")
    return "Take the host off the network, keep it running, and look at 'alibi tree' and 'alibi "
           "who' there.";
  if (category == "leak" || category == "file_sharing")
    return "Ask the user what was shared; 'alibi who' on the host names the program.";
  if (category == "scan" || category == "flood" || category == "spam")
    return "Look at 'alibi who' on the host for the program that sends, and stop it.";
  if (category == "outdated") return "Update the host.";
  return "Look at 'alibi show' on the host.";
}

std::string what_text(const Finding& finding) {
  return finding.meaning.empty() ? finding.what
                                 : fmt::format("{} ({})", finding.what, finding.meaning);
}

}  // namespace

void Grouping::add(const Finding& finding) {
  for (const std::string& person : finding.persons) {
    auto& group = groups_[{person, finding.host, finding.category}];
    Report& waiting = group.waiting;
    if (waiting.packets == 0) waiting.first_seen = finding.at;
    waiting.person = person;
    waiting.latest = finding;
    waiting.packets += finding.packets;
    waiting.flows += finding.flows;
    waiting.is_first = !group.was_told;
  }
}

std::vector<Report> Grouping::take_due(WallNs now) {
  std::vector<Report> due;
  for (auto& [key, group] : groups_) {
    const bool is_early =
        group.was_told && now.ns >= group.told.ns && now.ns - group.told.ns < interval_ns_;
    if (group.waiting.packets == 0 || is_early) continue;
    due.push_back(std::exchange(group.waiting, {}));
    group.told = now;
    group.was_told = true;
  }
  if (groups_.size() > kGroupsMax)
    std::erase_if(groups_, [&](const auto& entry) { return entry.second.waiting.packets == 0; });
  return due;
}

std::vector<Report> Grouping::take_all() {
  std::vector<Report> all;
  for (auto& [key, group] : groups_)
    if (group.waiting.packets > 0) all.push_back(std::exchange(group.waiting, {}));
  return all;
}

std::string subject_of(const Report& report) {
  return fmt::format("alibi: {}: {}", report.latest.host, report.latest.what);
}

std::string text_of(const Report& report) {
  const Finding& latest = report.latest;
  return fmt::format(
      "Host:      {}\n"
      "What:      {}\n"
      "Since:     {}\n"
      "Seen:      {} flows, {} packets, {} to {}\n"
      "Done:      {}\n"
      "To do:     {}\n",
      latest.host, what_text(latest), seconds_text(latest.diagnosed), report.flows, report.packets,
      seconds_text(report.first_seen), seconds_text(latest.at), done_text(latest.action),
      advice(latest.category));
}

std::string json_of(const Report& report) {
  const Finding& latest = report.latest;
  const nlohmann::ordered_json json = {{"host", latest.host},
                                       {"what", latest.what},
                                       {"meaning", latest.meaning},
                                       {"since", event::to_text(latest.diagnosed)},
                                       {"first_seen", event::to_text(report.first_seen)},
                                       {"last_seen", event::to_text(latest.at)},
                                       {"flows", report.flows},
                                       {"packets", report.packets},
                                       {"action", latest.action},
                                       {"first", report.is_first},
                                       {"todo", advice(latest.category)}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace alibi::notify
