// alibi match

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/capture_file.hpp"
#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "match/annotate.hpp"
#include "report/match_text.hpp"

namespace alibi::cli {
namespace {

using report::count_text;
using report::printable;

/// What an answer rests on, and what it leaves out.
void tell(const match::MatchAnswer& answer) {
  for (const auto& clock : answer.clocks)
    fmt::print(stderr, "alibi match: {}\n", report::clock_text(clock));
  for (const auto& [why, count] : answer.passed_over)
    fmt::print(stderr, "alibi match: passed over: {}: {}\n", count_text(count, "packet"), why);
  for (const auto& damage : answer.damage)
    fmt::print(stderr, "alibi match: damaged: {}\n", printable(damage));
}

class Match : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("capture", captures_, "pcap or pcapng files, plain, .gz or .zst")
        ->type_name("CAPTURE")
        ->required();
    app.add_option("-w,--write", write_,
                   "Write the captures again as pcapng, with processes, '-' to a pipe")
        ->type_name("FILE");
    directory_.declare(app);
    style_.declare(app);
  }

  Result<int> run() override {
    auto reader = open_log(directory_);
    if (!reader) return std::unexpected(reader.error());
    const std::vector<std::filesystem::path> files(captures_.begin(), captures_.end());
    const auto answer = match::match(files, directory_.value(), directory_.identity, **reader);
    if (!answer) return std::unexpected(answer.error());
    DamageWarning(**reader).tell_new();
    tell(*answer);
    if (auto written = write(files, *answer); !written) return std::unexpected(written.error());
    Output out;
    if (write_ == "-") return end(*answer, **reader);
    if (style_.is_json) {
      for (const auto& flow : answer->flows)
        out.write(report::to_json(flow) + "\n");
    } else {
      out.write(report::to_text(*answer, style_.style()));
    }
    const auto printed = out.finish();
    return printed ? end(*answer, **reader) : printed;
  }

 private:
  static int end(const match::MatchAnswer& answer, const store::LogReader& reader) {
    if (!answer.damage.empty()) return static_cast<int>(Errc::Corrupt);
    return status_after(reader, answer.flows.empty() ? static_cast<int>(Errc::NotFound) : 0);
  }

  Status write(const std::vector<std::filesystem::path>& captures,
               const match::MatchAnswer& answer) const {
    if (write_.empty()) return {};
    for (const auto& capture : captures) {
      if (capture == "-")
        return fail(Errc::Usage, "-w reads the capture twice: give it as a file, not as a pipe");
    }
    auto file = CaptureFile::create(write_, captures.front());
    if (!file) return std::unexpected(file.error());
    const auto done = annotate(captures, answer, [&](const auto& logged, const auto& headers) {
      return (*file)->write(logged, headers);
    });
    return done ? (*file)->finish() : done;
  }

  std::string write_;
  std::vector<std::string> captures_;
  LogOption directory_;
  StyleOptions style_;
};

}  // namespace

std::unique_ptr<Command> make_match() { return std::make_unique<Match>(); }

}  // namespace alibi::cli
