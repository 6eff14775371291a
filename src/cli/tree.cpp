// alibi tree

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/time_argument.hpp"
#include "query/tree.hpp"
#include "report/json.hpp"
#include "report/text.hpp"

namespace alibi::cli {
namespace {

void tell_others(const query::TreeAnswer& answer, report::Zone zone) {
  if (answer.others.empty()) return;
  const std::uint32_t pid = answer.root.process.key.pid;
  fmt::print(stderr, "alibi tree: pid {} was used more than once; this is {}, the others are:\n",
             pid, to_text(answer.root.process.key));
  for (const query::Process& other : answer.others) {
    fmt::print(stderr, "alibi tree:   {}  {}  {}\n", to_text(other.key),
               date_time(other.start, zone), report::command_of(other.args));
  }
}

class Tree : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("process", process_, "Process id, or pid@start as the log has it")
        ->type_name("PID|PROCESS")
        ->required();
    app.add_option("--at", at_, "The latest with this pid that began before this time")
        ->type_name("TIME");
    directory_.declare(app);
    style_.declare(app);
    style_.declare_whole(app);
  }

  Result<int> run() override {
    const auto question = make_question();
    if (!question) return std::unexpected(question.error());
    return answer_from(directory_, [&](store::LogReader& reader) -> Result<int> {
      const auto answer = query::tree(reader, *question);
      if (!answer) return during(process_, answer.error());
      tell_others(*answer, style_.zone());
      return print(*answer);
    });
  }

 private:
  Result<query::TreeQuestion> make_question() const {
    query::TreeQuestion question;
    if (const auto key = event::parse_process_key(process_)) {
      question.process = *key;
    } else {
      std::uint32_t pid = 0;
      const char* end = process_.data() + process_.size();
      const auto parsed = std::from_chars(process_.data(), end, pid);
      if (parsed.ec != std::errc{} || parsed.ptr != end || pid == 0) {
        return fail(
            Errc::Usage,
            fmt::format(
                "'{}' is not a process; give a pid like 4242, or pid@start like 4242@81234567",
                process_));
      }
      question.pid = pid;
    }
    if (!at_.empty()) {
      const auto at = parse_moment(at_, wall_now(), style_.zone());
      if (!at) return during("--at", at.error());
      question.at = *at;
    }
    return question;
  }

  Result<int> print(const query::TreeAnswer& answer) const {
    Output out;
    if (!style_.is_json) {
      out.write(report::to_text(answer, style_.style()));
      return out.finish();
    }
    for (const std::string& line : report::to_json_lines(answer))
      out.write(line + "\n");
    return out.finish();
  }

  std::string process_;
  std::string at_;
  LogOption directory_;
  StyleOptions style_;
};

}  // namespace

std::unique_ptr<Command> make_tree() { return std::make_unique<Tree>(); }

}  // namespace alibi::cli
