#include "cli/verify_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "event/record.hpp"

namespace alibi::cli {
namespace {

using report::count_text;
using report::Ink;
using report::printable;
using verify::Report;
using verify::Verdict;
using Json = nlohmann::ordered_json;

constexpr std::size_t kGapsShown = 20;

WallNs wall_of(std::uint64_t time_s) {
  constexpr std::uint64_t kMost = 9'000'000'000;  // fits nanoseconds in 63 bits
  return {static_cast<std::int64_t>(std::min(time_s, kMost)) * 1'000'000'000};
}

bool passed(Verdict verdict) { return verdict < Verdict::UnsealedTail; }

std::string line(std::string_view label, std::string_view text) {
  return fmt::format("{:<14}{}\n", label, text);
}

std::string names_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : ", ") + printable(name);
  return text;
}

std::string by_whom(const verify::ThirdPartyTime& time, report::Zone zone) {
  return fmt::format("{} ({})", report::date_time(wall_of(time.time_s), zone),
                     printable(time.name));
}

std::string gaps_text(const Report& report) {
  if (report.gaps.empty()) return line("gaps", "none");
  std::string text = line("gaps", std::to_string(report.gaps.size() + report.gaps_more));
  std::size_t shown = 0;
  for (const auto& gap : report.gaps) {
    if (++shown > kGapsShown) break;
    text += fmt::format("  {:<10}{:<12}{}\n", gap.leaf ? std::to_string(*gap.leaf) : "-",
                        printable(gap.type), printable(gap.text));
  }
  const std::size_t more = report.gaps.size() + report.gaps_more - std::min(shown, kGapsShown);
  if (report.gaps.size() > kGapsShown)
    text += fmt::format("  and {} more; --json lists them\n", more);
  return text;
}

std::string third_parties_text(const Report& report, report::Zone zone) {
  std::string text;
  if (report.witnessed) {
    text +=
        line("witnessed", fmt::format("leaves 0 to {} by {}, {}", report.witnessed->size - 1,
                                      names_of(report.witnessed->names),
                                      report::date_time(wall_of(report.witnessed->time_s), zone)));
  }
  if (!report.unwitnessed.empty()) text += line("unwitnessed", report.unwitnessed);
  if (report.not_before) {
    text +=
        line("not before", fmt::format("{}: what follows leaf {}",
                                       by_whom(*report.not_before, zone), report.not_before->leaf));
  }
  if (report.not_after) {
    text += line("not after", fmt::format("{}: leaves 0 to {}", by_whom(*report.not_after, zone),
                                          report.not_after->leaf - 1));
  }
  return text;
}

/// What may be said in court and what may not: docs/verdicts.md.
std::string limits_text(const Report& report, report::Zone zone) {
  const std::string what = report.packets == 0 ? count_text(report.records, "record")
                                               : count_text(report.records, "record") + " and " +
                                                     count_text(report.packets, "packet");
  std::string text = fmt::format(
      "\nThe {} {} are byte-exact members of log {} and have not changed since they were sealed.",
      what, report.is_bundle ? "shown" : "checked", printable(report.origin));
  if (report.not_before)
    text += fmt::format(" What follows leaf {} was sealed not before {}.", report.not_before->leaf,
                        by_whom(*report.not_before, zone));
  if (report.not_after)
    text += fmt::format(" Leaves 0 to {} were sealed not after {}.", report.not_after->leaf - 1,
                        by_whom(*report.not_after, zone));
  if (!report.not_before && !report.not_after)
    text += " No third party says when: the times are the machine's own.";
  if (report.is_bundle && report.withheld > 0) {
    text += fmt::format(
        " {} other records and packets of these blocks are withheld; their number and position are "
        "proved, "
        "their content is not.",
        report.withheld);
  }
  if (!report.unwitnessed.empty())
    text += " For " + report.unwitnessed + " there is only the word of whoever held the keys.";
  return text +
         " This does not prove that the computer was free of hostile control while it wrote them, "
         "nor who used it.\n\n"
         "What root can still do: from the moment somebody is root, new records are his word. He "
         "can "
         "blind the sensors, invent events, stop the recorder and destroy the log. What an epoch "
         "sealed before that moment he cannot change unseen; what a witness saw, not even the "
         "owner of the keys. More: docs/verdicts.md.\n";
}

Json place_json(const verify::Place& place) {
  Json json = Json::object();
  if (place.leaf) json["leaf"] = *place.leaf;
  if (!place.file.empty()) json["file"] = place.file;
  if (place.offset) json["offset"] = *place.offset;
  if (place.record) json["record"] = *place.record;
  return json;
}

}  // namespace

std::string to_text(const Report& report, const report::Style& style) {
  const std::string word(verify::name_of(report.verdict));
  const Ink ink = report.verdict == Verdict::Pass ? Ink::Good
                  : passed(report.verdict)        ? Ink::Warn
                                                  : Ink::Bad;
  std::string text = style.paint(ink, word) + "\n";
  text += line("reason", printable(report.reason));
  if (const auto place = to_text(report.place); !place.empty())
    text += line("place", printable(place));
  if (report.size > 0) {
    text += line("log", printable(report.origin));
    text += line("checkpoint", fmt::format("{} leaves, root {}", report.size, report.root));
  }
  if (report.is_growing)
    text += line("growing", "a recorder is writing; judged up to the checkpoint");
  if (!report.claim.empty()) text += line("claim", printable(report.claim));
  if (passed(report.verdict) || report.verdict == Verdict::UnsealedTail) {
    text += line("checked", count_text(report.records, "record") + ", " +
                                count_text(report.packets, "packet"));
    text += gaps_text(report) + third_parties_text(report, style.zone);
  }
  for (const auto& remark : report.remarks)
    text += line("remark", printable(remark));
  if (report.verdict == Verdict::Unsealed) {
    text +=
        "\nWhat stands in this log may be as it was written, or not: without a seal nobody can "
        "tell. "
        "`alibi init` seals what is recorded from then on.\n";
  }
  if (passed(report.verdict)) text += limits_text(report, style.zone);
  return text;
}

std::string to_json(const Report& report) {
  Json json;
  json["verdict"] = verify::name_of(report.verdict);
  json["exit"] = static_cast<int>(report.verdict);
  json["place"] = place_json(report.place);
  json["reason"] = report.reason;
  json["origin"] = report.origin;
  json["size"] = report.size;
  json["root"] = report.root;
  json["records"] = report.records;
  json["packets"] = report.packets;
  json["gaps"] = Json::array();
  for (const auto& gap : report.gaps) {
    Json one;
    one["leaf"] = gap.leaf ? Json(*gap.leaf) : Json();
    one["type"] = gap.type;
    one["text"] = gap.text;
    json["gaps"].push_back(std::move(one));
  }
  if (report.gaps_more > 0) json["gaps_more"] = report.gaps_more;
  json["witnessed"] = Json();
  if (report.witnessed) {
    json["witnessed"] = {{"size", report.witnessed->size},
                         {"time", event::to_text(wall_of(report.witnessed->time_s))},
                         {"names", report.witnessed->names}};
  }
  if (!report.unwitnessed.empty()) json["unwitnessed"] = report.unwitnessed;
  const auto add_time = [&](const char* key, const std::optional<verify::ThirdPartyTime>& time) {
    if (time) json[key] = event::to_text(wall_of(time->time_s));
  };
  add_time("not_before", report.not_before);
  add_time("not_after", report.not_after);
  if (report.is_bundle) {
    json["claim"] = report.claim;
    json["withheld"] = report.withheld;
  }
  if (report.is_growing) json["growing"] = true;
  json["remarks"] = report.remarks;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace alibi::cli
