#include "cli/log_options.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/output.hpp"
#include "store/layout.hpp"

namespace alibi::cli {

void DirectoryOption::declare(CLI::App& app) {
  app.add_option("--dir", directory,
                 fmt::format("Directory of the log [$ALIBI_DIR, {}]", kDefaultDirectory))
      ->type_name("DIR");
}

void LogOption::declare(CLI::App& app) {
  DirectoryOption::declare(app);
  app.add_option("--identity", identity, "Age identity that opens an encrypted log")
      ->type_name("FILE")
      ->check([](const std::string& file) {
        return ::access(file.c_str(), R_OK) == 0 ? "" : "cannot read the age identity " + file;
      });
}

bool DirectoryOption::is_given() const {
  const char* from_environment = std::getenv("ALIBI_DIR");
  return !directory.empty() || (from_environment && *from_environment);
}

std::filesystem::path DirectoryOption::value() const {
  if (!directory.empty()) return directory;
  const char* from_environment = std::getenv("ALIBI_DIR");
  return from_environment && *from_environment ? from_environment : kDefaultDirectory;
}

void StyleOptions::declare(CLI::App& app) {
  app.add_flag("--json", is_json, "One JSON object per line");
  app.add_flag("--local", is_local, "Times in the local time zone, shown and read");
  app.add_option("--color", colour, "When to use colours [auto]")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}));
}

void StyleOptions::declare_whole(CLI::App& app) {
  app.add_flag("--whole", is_whole, "Command lines and lines as a whole, however long");
}

report::Style StyleOptions::style() const {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool is_dumb = terminal && std::string_view(terminal) == "dumb";
  const bool is_wanted = is_terminal() && !(no_colour && *no_colour) && !is_dumb;
  report::Style style{.has_colour = colour == "always" || (colour == "auto" && is_wanted),
                      .columns = columns(),
                      .zone = zone()};
  if (is_whole) style.columns = style.command_columns = 0;
  return style;
}

void tell_encrypted(const LogOption& log) {
  const auto layout = store::Layout::of(log.value());
  if (!layout.is_encrypted() || !log.identity.empty()) return;
  const auto segments = list_segments(store::real_disk(), layout);
  const auto packets = list_packet_files(store::real_disk(), layout);
  const auto is_closed = [](const auto& file) { return file.has_encrypted; };
  if ((segments && std::ranges::any_of(*segments, is_closed)) ||
      (packets && std::ranges::any_of(*packets, is_closed)))
    fmt::print(stderr,
               "alibi: this log is encrypted: only what is open in memory is read; --identity FILE "
               "opens the rest, where it belongs: on another machine\n");
}

Result<std::unique_ptr<store::LogReader>> open_log(const LogOption& log) {
  auto reader = store::LogReader::open(log.value(), log.identity);
  if (reader) tell_encrypted(log);
  if (reader) return reader;
  Error error = reader.error();
  if (error.code == Errc::NotFound)
    error.message += "; is that the right directory (--dir), and was anything recorded?";
  if (error.code == Errc::Denied) error.message += "; only root may read the log";
  return std::unexpected(std::move(error));
}

Result<int> answer_from(const LogOption& log,
                        const std::function<Result<int>(store::LogReader&)>& answer) {
  const auto reader = open_log(log);
  if (!reader) return std::unexpected(reader.error());
  const auto status = answer(**reader);
  DamageWarning(**reader).tell_new();
  return status ? status_after(**reader, *status) : status;
}

void DamageWarning::tell_new() {
  for (const auto& damage = reader_.skipped().damage; told_ < damage.size(); ++told_) {
    const auto& one = damage[told_];
    fmt::print(stderr, "alibi: damaged: {} at byte {}: {} bytes skipped: {}\n", one.file.string(),
               one.offset, one.bytes, one.what);
  }
}

int status_after(const store::LogReader& reader, int status) {
  const bool is_damaged = !reader.skipped().damage.empty();
  return is_damaged && (status == 0 || status == static_cast<int>(Errc::NotFound))
             ? static_cast<int>(Errc::Corrupt)
             : status;
}

}  // namespace alibi::cli
