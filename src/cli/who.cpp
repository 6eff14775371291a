// alibi who

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/target.hpp"
#include "cli/time_argument.hpp"
#include "query/coverage.hpp"
#include "query/who.hpp"
#include "report/json.hpp"
#include "report/text.hpp"

namespace alibi::cli {
namespace {

/// "Nothing found" is only worth something with what was looked through.
void explain_nothing(store::LogReader& reader, const query::WhoAnswer& answer, report::Zone zone) {
  if (answer.nearest) {
    const query::Flow& flow = *answer.nearest;
    fmt::print(stderr, "alibi who: nothing at that time; the nearest began at {}{}\n",
               date_time(flow.start, zone),
               flow.end ? " and ended at " + date_time(*flow.end, zone) : "");
  } else {
    fmt::print(stderr, "alibi who: no such connection in the log\n");
  }
  const auto coverage = query::coverage(reader);
  if (!coverage || !coverage->first) return;
  fmt::print(stderr, "alibi who: the log covers {} to {} ({})\n", date_time(*coverage->first, zone),
             date_time(*coverage->last, zone), report::count_text(coverage->records, "record"));
  if (coverage->lost() > 0) {
    fmt::print(
        stderr,
        "alibi who: {} lost in that time, so this proves little; see 'alibi show --kind loss'\n",
        report::count_text(coverage->lost(), "event"));
  }
}

class Who : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("address", address_,
                   "Address, or address and port, or host name, of either side")
        ->type_name("ADDR[:PORT]");
    app.add_option("--name", name_, "Host name the connection was made for")->type_name("HOST");
    app.add_option("--proto", proto_, "tcp, udp, icmp, icmp6, packet or a number")
        ->type_name("PROTO");
    app.add_option("--at", at_, "Only what was alive at this time")->type_name("TIME");
    directory_.declare(app);
    style_.declare(app);
    style_.declare_whole(app);
  }

  Result<int> run() override {
    const auto question = make_question();
    if (!question) return std::unexpected(question.error());
    return answer_from(directory_, [&](store::LogReader& reader) -> Result<int> {
      const auto answer = query::who(reader, *question);
      if (!answer) return std::unexpected(answer.error());
      if (!answer->flows.empty() || !answer->names.empty()) return print(*answer);
      explain_nothing(reader, *answer, style_.zone());
      return static_cast<int>(Errc::NotFound);
    });
  }

 private:
  Result<query::WhoQuestion> make_question() const {
    query::WhoQuestion question{.name = name_};
    if (address_.empty() && name_.empty())
      return fail(Errc::Usage, "give an address or --name HOST; see 'alibi who --help'");
    if (!address_.empty()) {
      auto target = parse_target(address_);
      if (!target) return std::unexpected(target.error());
      if (!target->name.empty() && !name_.empty())
        return fail(Errc::Usage, "give a host name once, as argument or with --name");
      question.endpoint = target->endpoint;
      question.port = target->port;
      if (!target->name.empty()) question.name = target->name;
    }
    std::ranges::transform(proto_, std::back_inserter(question.proto),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!at_.empty()) {
      const auto at = parse_moment(at_, wall_now(), style_.zone());
      if (!at) return during("--at", at.error());
      question.at = *at;
    }
    return question;
  }

  Result<int> print(const query::WhoAnswer& answer) const {
    Output out;
    if (!style_.is_json) {
      out.write(report::to_text(answer, style_.style()));
      return out.finish();
    }
    for (const auto& flow : answer.flows)
      out.write(report::to_json(flow) + "\n");
    for (const auto& name : answer.names)
      out.write(report::to_json(name) + "\n");
    return out.finish();
  }

  std::string address_;
  std::string name_;
  std::string proto_;
  std::string at_;
  LogOption directory_;
  StyleOptions style_;
};

}  // namespace

std::unique_ptr<Command> make_who() { return std::make_unique<Who>(); }

}  // namespace alibi::cli
