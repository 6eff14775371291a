// alibi run

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/packet_options.hpp"
#include "recorder/recorder.hpp"
#include "report/style.hpp"

namespace alibi::cli {
namespace {

/// On stderr: standard output belongs to the command.
void tell_summary(const recorder::RunSummary& summary, const std::filesystem::path& directory) {
  fmt::print(stderr, "alibi: {} in {}: {}, {}, {}, exit status {}; {} in {}\n",
             summary.processes == 1 ? "1 process" : fmt::format("{} processes", summary.processes),
             report::duration_text(static_cast<std::int64_t>(summary.seconds * 1e9)),
             report::count_text(summary.flows, "flow"),
             report::count_text(summary.packets, "packet"),
             report::count_text(summary.records, "record"), summary.exit_status,
             summary.lost == 0 ? "nothing lost" : fmt::format("{} LOST", summary.lost),
             directory.string());
}

std::string summary_json(const recorder::RunSummary& summary) {
  return fmt::format(
      "{{\"exit_status\":{},\"records\":{},\"lost\":{},\"processes\":{},\"flows\":{},\"packets\":{}"
      ",\"seconds\":{:"
      ".6f}}}\n",
      summary.exit_status, summary.records, summary.lost, summary.processes, summary.flows,
      summary.packets, summary.seconds);
}

class Run : public Command {
 public:
  void declare(CLI::App& app) override {
    directory_.declare(app);
    packets_.declare(app);
    app.add_option(
           "-w,--write", capture_,
           "Write the packets of the command, each with its process, also to this pcapng file")
        ->type_name("FILE");
    app.add_flag("--tls-requests", is_inside_tls_,
                 "Record also the requests that the command sends through OpenSSL or GnuTLS, "
                 "before they are encrypted: method, URL and some headers, no bodies");
    app.add_option("-o,--output", form_,
                   "Form of the summary: text on stderr, or json on stdout [text]")
        ->type_name("FORM")
        ->check(CLI::IsMember({"text", "json"}));
    app.add_option("command", command_,
                   "Command to run, with its arguments; -- before it is optional")
        ->type_name("CMD ARG");
  }

  std::vector<std::string>* rest() override { return &command_; }

  Result<int> run() override {
    if (command_.empty())
      return fail(
          Errc::Usage,
          "give a command to run, such as: alibi run --dir out -- curl -s http://example.org/");
    recorder::Options options{.directory = directory_.value()};
    if (auto done = packets_.apply(options.packets); !done) return std::unexpected(done.error());
    if (!capture_.empty() && !options.packets.is_on)
      return fail(Errc::Usage, "-w writes packets, and --packets off records none: leave one out");
    options.packets.copy_to = capture_;
    options.tls_requests = is_inside_tls_;
    const auto summary = recorder::run(options, command_);
    if (!summary) return std::unexpected(summary.error());
    if (form_ == "json") {
      Output out;
      out.write(summary_json(*summary));
      if (const auto printed = out.finish(); !printed) return printed;
    } else {
      tell_summary(*summary, options.directory);
    }
    if (!summary->unsealed.empty())
      fmt::print(stderr, "alibi: recorded, but not sealed: {}\n", summary->unsealed);
    if (!summary->unwitnessed.empty())
      fmt::print(stderr, "alibi: no answer yet, the next recorder of this log asks again: {}\n",
                 summary->unwitnessed);
    return summary->exit_status;
  }

 private:
  std::string form_ = "text";
  std::vector<std::string> command_;
  DirectoryOption directory_;
  PacketArguments packets_;
  std::string capture_;
  bool is_inside_tls_ = false;
};

}  // namespace

std::unique_ptr<Command> make_run() { return std::make_unique<Run>(); }

}  // namespace alibi::cli
