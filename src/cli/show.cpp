// alibi show

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/kind_argument.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/time_argument.hpp"
#include "event/csv.hpp"
#include "query/filter.hpp"
#include "report/json.hpp"
#include "report/text.hpp"

namespace alibi::cli {
namespace {

using Go = store::LogReader::Go;

/// Prints records in the wanted form, filtered.
class Printer {
 public:
  Printer(const store::LogReader& reader, const query::Filter& filter, const StyleOptions& style,
          bool is_csv)
      : warning_(reader),
        filter_(filter),
        lines_(style.style()),
        is_json_(style.is_json),
        is_csv_(is_csv) {
    if (is_csv_) out_.write(std::string(event::csv_header()) + "\n");
  }

  Go print(const event::Record& record) {
    warning_.tell_new();
    if (!matches(filter_, record)) return Go::On;
    ++count_;
    if (is_csv_) {
      line_.clear();
      append_csv(line_, record);
    } else {
      line_ = is_json_ ? report::to_json(record) + "\n" : lines_.next(record);
    }
    out_.write(line_);
    return out_.is_open() ? Go::On : Go::Stop;
  }

  Result<int> finish() {
    warning_.tell_new();
    return out_.finish();
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  Output& out() { return out_; }

 private:
  DamageWarning warning_;
  const query::Filter& filter_;
  report::RecordLines lines_;
  bool is_json_;
  bool is_csv_;
  Output out_;
  std::string line_;
  std::uint64_t count_ = 0;
};

class Show : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("--from", from_, "From this time on")->type_name("TIME");
    app.add_option("--to", to_, "Up to this time")->type_name("TIME");
    app.add_option("--kind", kinds_, "Only records of this kind; may be repeated")
        ->type_name("KIND")
        ->expected(1)
        ->take_all();
    app.add_option("--pid", pid_, "Only of this process id")
        ->type_name("N")
        ->check(CLI::Range(1U, 4194304U).description(""));
    app.add_option("--process", process_, "Only of this process, pid@start")->type_name("PROCESS");
    app.add_option("--exe", exe_, "Only of this program: whole path, or its last part")
        ->type_name("PATH");
    app.add_option("--addr", address_, "Only with this address on either side")->type_name("ADDR");
    app.add_option("--port", port_, "Only with this port on either side")
        ->type_name("N")
        ->check(CLI::Range(0, 65535).description(""));
    app.add_option("--name", name_, "Only about this name; .example.org for all under it")
        ->type_name("NAME");
    app.add_flag("--follow", is_follow_, "Go on with new records until interrupted");
    app.add_flag("--csv", is_csv_, "The lines of the log, with their header");
    directory_.declare(app);
    style_.declare(app);
  }

  Result<int> run() override {
    const auto filter = make_filter();
    if (!filter) return std::unexpected(filter.error());
    if (is_csv_ && style_.is_json) return fail(Errc::Usage, "give --csv or --json, not both");
    auto reader = open_log(directory_);
    if (!reader) return std::unexpected(reader.error());
    Printer printer(**reader, *filter, style_, is_csv_);
    const auto done =
        is_follow_ ? follow(**reader, *filter, printer) : scan(**reader, *filter, printer);
    const auto printed = printer.finish();
    if (!done) return std::unexpected(done.error());
    if (!printed) return printed;
    if (printer.count() == 0 && !is_follow_) fmt::print(stderr, "alibi show: no record matches\n");
    return status_after(**reader, 0);
  }

 private:
  static Status scan(store::LogReader& reader, const query::Filter& filter, Printer& printer) {
    return reader.scan(hints_of(filter), store::Order::OldestFirst,
                       [&](const store::BootRecord& entry) { return printer.print(entry.record); });
  }

  static Status follow(store::LogReader& reader, const query::Filter& filter, Printer& printer) {
    catch_interrupts();
    printer.out().flush();
    return reader.follow(
        hints_of(filter),
        [&](const store::BootRecord& entry) {
          const Go go = printer.print(entry.record);
          printer.out().flush();
          return go;
        },
        [&] { return !was_interrupted() && printer.out().is_open(); });
  }

  Result<query::Filter> make_filter() const {
    query::Filter filter{.pid = pid_, .exe = exe_, .port = port_, .name = name_};
    for (const std::string& text : kinds_) {
      const auto kind = kind_argument(text);
      if (!kind) return std::unexpected(kind.error());
      filter.kinds.push_back(*kind);
    }
    if (!process_.empty()) {
      filter.process = event::parse_process_key(process_);
      if (!filter.process)
        return fail(Errc::Usage,
                    fmt::format("--process: '{}' is not of the form pid@start, like 4242@81234567",
                                process_));
    }
    if (!address_.empty()) {
      filter.address = event::parse_address(address_);
      if (!filter.address)
        return fail(
            Errc::Usage,
            fmt::format("--addr: '{}' is not an address; give the port with --port", address_));
    }
    const auto range = parse_range(from_, to_, wall_now(), style_.zone());
    if (!range) return std::unexpected(range.error());
    filter.from = range->from;
    filter.to = range->to;
    return filter;
  }

  std::string from_, to_, process_, exe_, address_, name_;
  std::vector<std::string> kinds_;
  std::optional<std::uint32_t> pid_;
  std::optional<std::uint16_t> port_;
  bool is_follow_ = false;
  bool is_csv_ = false;
  LogOption directory_;
  StyleOptions style_;
};

}  // namespace

std::unique_ptr<Command> make_show() { return std::make_unique<Show>(); }

}  // namespace alibi::cli
