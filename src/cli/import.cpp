// alibi import

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "import/import_log.hpp"
#include "report/style.hpp"

namespace alibi::cli {
namespace {

using report::count_text;
using report::printable;

constexpr std::int64_t kReportNs = 1'000'000'000;

/// One line on a terminal, once a second.
class Progress {
 public:
  void tell(const std::filesystem::path& file, std::uint64_t done, std::uint64_t all) {
    const BootNs now = boot_now();
    if (!is_terminal_ || now.ns < next_.ns) return;
    next_ = {now.ns + kReportNs};
    fmt::print(stderr, "\r\x1b[Kalibi import: {} {} %", printable(file.filename().string()),
               all == 0 ? 0 : done * 100 / all);
    is_shown_ = true;
  }
  void clear() {
    if (is_shown_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool is_shown_ = false;
  BootNs next_{boot_now().ns + kReportNs};
};

std::string zone_text(std::int64_t seconds) {
  const std::int64_t minutes = std::abs(seconds) / 60;
  return fmt::format("UTC{}{:02}:{:02}", seconds < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

void tell(const import::Imported& imported, report::Zone zone) {
  for (const auto& host : imported.hosts) {
    if (host.records > 0) {
      fmt::print(stderr, "alibi import: {}: {}, {} to {}\n", printable(host.name),
                 count_text(host.records, "record"), date_time({host.first_ns}, zone),
                 date_time({host.last_ns}, zone));
    }
    if (host.known > 0) {
      fmt::print(stderr, "alibi import: {}: {} the log has already\n", printable(host.name),
                 count_text(host.known, "record"));
    }
    for (const auto& [what, count] : host.told_twice)
      fmt::print(stderr, "alibi import: {}: left out: {} {}\n", printable(host.name), count, what);
  }
  for (const auto& [file, seconds] : imported.zones_s) {
    fmt::print(stderr, "alibi import: {}: times without a zone taken as {}\n", printable(file),
               zone_text(seconds));
  }
  for (const auto& [why, count] : imported.skipped)
    fmt::print(stderr, "alibi import: passed over: {}: {}\n", count, printable(why));
  for (const auto& damage : imported.damage)
    fmt::print(stderr, "alibi import: damaged: {}\n", printable(damage));
  fmt::print(stderr, "alibi import: {} read", count_text(imported.events, "event"));
  if (imported.recovered > 0)
    fmt::print(stderr, ", {} of them from damaged or unused parts", imported.recovered);
  fmt::print(stderr, "\n");
}

class Import : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("source", sources_,
                   "EVTX files, or JSON lines (plain, .gz, .zst) from NXLog, winlogbeat or Azure")
        ->type_name("SRC")
        ->required();
    app.add_option("--host", host_, "Name of the host, instead of what the events say")
        ->type_name("NAME");
    app.add_flag("--local", is_local_, "Times in the local time zone");
    log_.declare(app);
  }

  Result<int> run() override {
    if (!log_.is_given())
      return fail(Errc::Usage, "name the log to import into with --dir DIR, best a new one");
    Progress progress;
    const import::ImportQuestion question{
        .files = {sources_.begin(), sources_.end()},
        .directory = log_.value(),
        .identity = log_.identity,
        .host = host_,
        .progress = [&](const std::filesystem::path& file, std::uint64_t done, std::uint64_t all) {
          progress.tell(file, done, all);
        }};
    const auto imported = import::import_logs(question);
    progress.clear();
    if (!imported) return std::unexpected(imported.error());
    tell(*imported, is_local_ ? report::Zone::Local : report::Zone::Utc);
    std::uint64_t records = 0;
    for (const auto& host : imported->hosts)
      records += host.records + host.known;
    if (!imported->damage.empty()) return static_cast<int>(Errc::Corrupt);
    return records > 0 ? 0 : static_cast<int>(Errc::NotFound);
  }

 private:
  std::vector<std::string> sources_;
  std::string host_;
  bool is_local_ = false;
  LogOption log_;
};

}  // namespace

std::unique_ptr<Command> make_import() { return std::make_unique<Import>(); }

}  // namespace alibi::cli
