// alibi disclose

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/kind_argument.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/time_argument.hpp"
#include "disclose/disclose.hpp"
#include "event/number.hpp"

namespace alibi::cli {
namespace {

Result<disclose::ProcessChoice> process_argument(const std::string& text) {
  if (const auto key = event::parse_process_key(text))
    return disclose::ProcessChoice{key->pid, *key};
  const auto pid = event::parse_number<std::uint32_t>(text);
  if (!pid || *pid == 0)
    return fail(Errc::Usage, fmt::format("--process: '{}' is no process; give a pid like 4242, or "
                                         "pid@start like 4242@81234567",
                                         text));
  return disclose::ProcessChoice{*pid, std::nullopt};
}

std::string count_text(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string summary_text(const disclose::Summary& summary, const std::string& bundle) {
  std::string text = fmt::format("{}: {}, {}; {} hidden in the same blocks\n", bundle,
                                 count_text(summary.records, "record"),
                                 count_text(summary.packets, "packet"), summary.hidden);
  if (summary.interval)
    text +=
        fmt::format("  nothing is missing between {} and {}\n",
                    event::to_text(summary.interval->from), event::to_text(summary.interval->to));
  for (const auto& claim : summary.processes)
    text += fmt::format("  all {} of process {}{}\n", count_text(claim.last, "record"),
                        to_text(claim.process), claim.is_open ? " so far" : ", which has ended");
  if (!summary.interval && summary.processes.empty())
    text += "  a sample: the bundle does not claim that nothing is missing\n";
  if (!summary.hidden_columns.empty())
    text += fmt::format("  columns hidden: {}\n", fmt::join(summary.hidden_columns, ", "));
  if (summary.note)
    text += fmt::format("  logged as leaf {} of {}\n", *summary.note, summary.origin);
  return text + fmt::format("Check it: alibi verify --key KEY {}\n", bundle);
}

std::string summary_json(const disclose::Summary& summary, const std::string& bundle) {
  nlohmann::ordered_json json = {{"bundle", bundle},
                                 {"origin", summary.origin},
                                 {"size", summary.size},
                                 {"records", summary.records},
                                 {"packets", summary.packets},
                                 {"hidden", summary.hidden},
                                 {"hidden_columns", summary.hidden_columns},
                                 {"processes", nlohmann::ordered_json::array()},
                                 {"gaps", summary.gaps},
                                 {"remarks", summary.remarks}};
  if (const auto& interval = summary.interval)
    json["interval"] = {{"from", event::to_text(interval->from)},
                        {"to", event::to_text(interval->to)},
                        {"first_leaf", interval->first},
                        {"last_leaf", interval->last}};
  for (const auto& claim : summary.processes)
    json["processes"].push_back(
        {{"process", to_text(claim.process)}, {"records", claim.last}, {"open", claim.is_open}});
  if (summary.note) json["leaf"] = *summary.note;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

class Disclose : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("--from", from_, "From this time on; the bundle claims the interval")
        ->type_name("TIME");
    app.add_option("--to", to_, "Up to this time")->type_name("TIME");
    app.add_option("--process", processes_, "Of this process, pid or pid@start; may be repeated")
        ->type_name("PROCESS")
        ->expected(1)
        ->take_all();
    app.add_option("--record", records_, "This record, by its number; may be repeated")
        ->type_name("SEQ")
        ->expected(1)
        ->take_all();
    app.add_option("--kind", kinds_, "Only records of this kind; may be repeated")
        ->type_name("KIND")
        ->expected(1)
        ->take_all();
    app.add_option("--hide", hide_, "Hide this column of the shown records; may be repeated")
        ->type_name("COLUMN")
        ->expected(1)
        ->take_all();
    app.add_flag("--packets", with_packets_, "With the packets of the interval or the processes");
    app.add_option("-o,--output", bundle_, "The bundle: a new or empty directory")
        ->type_name("DIR")
        ->required();
    app.add_flag("--json", is_json_, "What was disclosed as one JSON object");
    directory_.declare(app);
  }

  Result<int> run() override {
    const auto request = make_request();
    if (!request) return std::unexpected(request.error());
    const auto summary = disclose::disclose(*request, seal::append_note);
    if (!summary) return std::unexpected(summary.error());
    for (const auto& remark : summary->remarks)
      fmt::print(stderr, "alibi disclose: {}\n", remark);
    Output out;
    out.write(is_json_ ? summary_json(*summary, bundle_) : summary_text(*summary, bundle_));
    return out.finish();
  }

 private:
  Result<disclose::Request> make_request() const {
    disclose::Request request{
        .log = directory_.value(), .identity = directory_.identity, .bundle = bundle_};
    const auto range = parse_range(from_, to_, wall_now(), report::Zone::Utc);
    if (!range) return std::unexpected(range.error());
    request.from = range->from;
    request.to = range->to;
    request.records = records_;
    std::ranges::sort(request.records);
    request.hide = hide_;
    request.with_packets = with_packets_;
    for (const std::string& text : processes_) {
      const auto process = process_argument(text);
      if (!process) return std::unexpected(process.error());
      request.processes.push_back(*process);
    }
    for (const std::string& text : kinds_) {
      const auto kind = kind_argument(text);
      if (!kind) return std::unexpected(kind.error());
      request.kinds.emplace_back(event::to_text(*kind));
    }
    if (!request.has_filter() && records_.empty())
      return fail(Errc::Usage,
                  "say what is to be shown: --from and --to, --process, --record or --kind");
    if (with_packets_ && !request.has_interval() && processes_.empty())
      return fail(Errc::Usage, "--packets needs an interval (--from, --to) or a --process");
    return request;
  }

  std::string from_, to_, bundle_;
  std::vector<std::string> processes_, kinds_, hide_;
  std::vector<std::uint64_t> records_;
  bool with_packets_ = false;
  bool is_json_ = false;
  LogOption directory_;
};

}  // namespace

std::unique_ptr<Command> make_disclose() { return std::make_unique<Disclose>(); }

}  // namespace alibi::cli
