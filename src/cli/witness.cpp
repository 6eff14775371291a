// alibi witness

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/output.hpp"
#include "report/style.hpp"
#include "store/disk.hpp"
#include "witness/http_server.hpp"
#include "witness/witness.hpp"

namespace alibi::cli {
namespace {

namespace fs = std::filesystem;
using seal::VerificationKey;

constexpr const char* kWitnessDirectory = "/var/lib/alibi-witness";
constexpr std::uint64_t kLogsBytesMax = 4U << 20;

Status add_logs(std::vector<VerificationKey>& logs, const std::string& text,
                const std::string& from) {
  auto more = witness::parse_logs(text);
  if (!more) return during(from, more.error());
  logs.insert(logs.end(), more->begin(), more->end());
  return {};
}

class WitnessCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("action", action_,
                   "'init NAME' makes a key, 'list' shows what was cosigned; "
                   "without: serves")
        ->type_name("ACTION")
        ->expected(0, 2);
    app.add_option("--dir", directory_,
                   fmt::format("Key and state of the witness [{}]", directory_.string()))
        ->type_name("DIR");
    app.add_option("--listen", listen_, fmt::format("Where to serve HTTP [{}]", listen_))
        ->type_name("ADDR:PORT");
    app.add_option("--prefix", prefix_, "Beginning of the paths that are served, such as /w1")
        ->type_name("PATH");
    app.add_option("--log", logs_, "A log to serve: its verification key, or a file of such keys")
        ->type_name("VKEY|FILE");
  }

  Result<int> run() override {
    if (action_.empty()) return serve();
    if (action_[0] == "init") return init();
    if (action_[0] == "list" && action_.size() == 1) return list();
    return fail(Errc::Usage, fmt::format("'{}' is no action: 'init NAME', 'list' or nothing",
                                         fmt::join(action_, " ")));
  }

 private:
  Result<int> init() {
    if (action_.size() != 2)
      return fail(Errc::Usage, "name the witness: alibi witness init example.org/w1");
    const auto key = witness::create_witness(store::real_disk(), directory_, action_[1]);
    if (!key) return std::unexpected(key.error());
    Output out;
    out.write(fmt::format("witness {} {}\n", key->name, key->to_text()));
    return out.finish();
  }

  Result<int> list() {
    const auto overview = witness::read_overview(store::real_disk(), directory_);
    if (!overview) return std::unexpected(overview.error());
    Output out;
    out.write(fmt::format("{:<27} {:>10} {:>8}  {}\n", "COSIGNED", "SIZE", "REFUSED", "LOG"));
    for (const auto& [origin, latest] : overview->latest) {
      const auto refused = overview->refused.find(origin);
      out.write(fmt::format(
          "{:<27} {:>10} {:>8}  {}\n",
          report::date_time({static_cast<std::int64_t>(latest.time_s) * 1'000'000'000},
                            report::Zone::Utc),
          latest.checkpoint.size, refused == overview->refused.end() ? 0 : refused->second,
          report::printable(origin)));
    }
    return out.finish();
  }

  Result<std::vector<VerificationKey>> trusted_logs() {
    std::vector<VerificationKey> logs;
    store::Disk& disk = store::real_disk();
    const fs::path own = directory_ / "logs";
    if (const auto text = store::read_file(disk, own, kLogsBytesMax)) {
      if (auto done = add_logs(logs, *text, own.string()); !done)
        return std::unexpected(done.error());
    } else if (text.error().code != Errc::NotFound) {
      return std::unexpected(text.error());
    }
    for (const std::string& log : logs_) {
      // No path has two plus signs by accident, and no key a file's name.
      const bool is_key = std::ranges::count(log, '+') >= 2 && !fs::exists(log);
      const auto text = is_key ? log : store::read_file(disk, log, kLogsBytesMax);
      if (!text) return std::unexpected(text.error());
      if (auto done = add_logs(logs, *text, is_key ? "--log" : log); !done)
        return std::unexpected(done.error());
    }
    if (logs.empty()) {
      return fail(Errc::Usage, fmt::format("no log to serve: put verification keys into {} or "
                                           "name them with --log",
                                           own.string()));
    }
    return logs;
  }

  Result<int> serve() {
    auto logs = trusted_logs();
    if (!logs) return std::unexpected(logs.error());
    catch_interrupts();
    auto served = witness::Witness::open(store::real_disk(), directory_, std::move(*logs));
    if (!served) return std::unexpected(served.error());
    const auto server = witness::HttpServer::start(**served, listen_, prefix_);
    if (!server) return std::unexpected(server.error());
    fmt::print(stderr, "alibi witness: {} serves {} at {}:{}{}\n", (*served)->key().name,
               report::count_text((*served)->logs().size(), "log"),
               listen_.substr(0, listen_.rfind(':')), (*server)->port(), prefix_);
    while (!was_interrupted()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      (*server)->cut_slow();
      if (const std::string trouble = (*served)->trouble(); !trouble.empty())
        return fail(Errc::Io, trouble);
    }
    return 0;
  }

  std::vector<std::string> action_;
  fs::path directory_ = kWitnessDirectory;
  std::string listen_ = "127.0.0.1:8787";
  std::string prefix_;
  std::vector<std::string> logs_;
};

}  // namespace

std::unique_ptr<Command> make_witness() { return std::make_unique<WitnessCommand>(); }

}  // namespace alibi::cli
