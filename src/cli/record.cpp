// alibi record

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/configuration.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/packet_options.hpp"

namespace alibi::cli {
namespace {

class Record : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("--config", config_,
                   std::string("Configuration file; conf.d/*.toml beside it is read too [") +
                       kConfigFile + "]")
        ->type_name("FILE");
    app.add_flag("--print-config", is_print_, "Print the effective configuration and exit");
    app.add_flag("--detach", is_detach_,
                 "Detach what a stopped service left attached in the kernel, and exit");
    app.add_flag("--mount", is_mount_,
                 "Mount the memory that the open part of an encrypted log stands in, and exit");
    directory_.declare(app);
    packets_.declare(app);
    app.add_flag("--unowned", is_unowned_,
                 "Keep also packets that no socket owns (unsolicited, forwarded, not IP) in the "
                 "recorder's own network namespace");
  }

  Result<int> run() override {
    auto options = load_configuration(config_.empty() ? kConfigFile : config_);
    if (!options) return std::unexpected(options.error());
    if (directory_.is_given()) options->directory = std::filesystem::absolute(directory_.value());
    if (auto done = packets_.apply(options->packets); !done) return std::unexpected(done.error());
    options->packets.has_unowned |= is_unowned_;
    if (is_print_) {
      Output out;
      out.write(print_configuration(*options));
      return out.finish();
    }
    if (is_mount_) return mount(*options);
    if (is_detach_) return detach(options->directory);
    options->config_sha256 = configuration_sha256(*options);
    const auto done = recorder::record(*options);
    if (!done) return std::unexpected(done.error());
    return 0;
  }

 private:
  static Result<int> mount(const recorder::Options& options) {
    const auto is_encrypted = recorder::mount(options);
    if (!is_encrypted) return std::unexpected(is_encrypted.error());
    Output out;
    out.write(*is_encrypted ? "mounted\n" : "the log is not encrypted: nothing to mount\n");
    return out.finish();
  }

  static Result<int> detach(const std::filesystem::path& directory) {
    const auto done = recorder::detach(directory);
    if (!done) return std::unexpected(done.error());
    Output out;
    out.write(*done ? "detached\n" : "nothing was attached\n");
    return out.finish();
  }

  std::string config_;
  bool is_print_ = false;
  bool is_detach_ = false;
  bool is_mount_ = false;
  DirectoryOption directory_;
  PacketArguments packets_;
  bool is_unowned_ = false;
};

}  // namespace

std::unique_ptr<Command> make_record() { return std::make_unique<Record>(); }

}  // namespace alibi::cli
