// alibi gate

#include "gate/gate.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "cli/command.hpp"
#include "cli/gate_policy.hpp"
#include "cli/output.hpp"
#include "gate/nft_rules.hpp"
#include "gate/status_file.hpp"

namespace alibi::cli {
namespace {

class Gate : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("status", what_, "What the gate at work does and did")
        ->type_name("")
        ->check(CLI::IsMember({"status"}).description(""));
    app.add_option("--dev", devices_, "Devices whose incoming packets pass the gate")
        ->delimiter(',')
        ->type_name("DEVICE");
    app.add_option("--policy", policy_, "What to do with marks (docs/examples/gate.toml)")
        ->type_name("FILE");
    app.add_option("--dir", directory_,
                   fmt::format("Log of the marks that were seen [{}]", directory_))
        ->type_name("DIR");
    app.add_flag("--check", is_check_, "Only read the policy, and say whether it is right");
    app.add_flag("--nft", is_nft_, "Print rules for nftables that do what those can, and exit");
    app.add_flag("--keep", is_keep_, "The programs stay attached when this process ends");
    app.add_flag("--detach", is_detach_, "Take out what a gate with --keep left, and exit");
    app.add_flag("--json", is_json_, "With status: one JSON object");
  }

  Result<int> run() override {
    if (what_ == "status") return print_status();
    if (is_detach_) return detach();
    if (policy_.empty()) return fail(Errc::Usage, "--policy FILE is missing");
    if (is_check_) return check();
    if (is_nft_) return print_nft();
    if (devices_.empty())
      return fail(Errc::Usage, "--dev DEVICE is missing: whose incoming packets?");
    const gate::Options options{.devices = devices_,
                                .directory = std::filesystem::absolute(directory_),
                                .keeps_attached = is_keep_,
                                .read_policy = [this] { return load_gate_policy(policy_); }};
    const auto done = gate::run(options);
    if (!done) return std::unexpected(done.error());
    return 0;
  }

 private:
  Result<int> check() const {
    const auto policy = load_gate_policy(policy_);
    if (!policy) return std::unexpected(policy.error());
    Output out;
    out.write(fmt::format("{}: right; {} zones, {} rules, {} keys\n", policy_, policy->zones.size(),
                          policy->rules.size(), policy->keys.size()));
    return out.finish();
  }

  Result<int> print_nft() const {
    const auto policy = load_gate_policy(policy_);
    if (!policy) return std::unexpected(policy.error());
    Output out;
    out.write(gate::nft_rules(*policy, devices_));
    return out.finish();
  }

  Result<int> detach() const {
    const auto done = gate::detach(std::filesystem::absolute(directory_));
    if (!done) return std::unexpected(done.error());
    Output out;
    out.write(*done ? "detached\n" : "nothing was attached\n");
    return out.finish();
  }

  Result<int> print_status() const {
    const auto json = gate::read_status(directory_);
    if (!json) return std::unexpected(json.error());
    const auto text = is_json_ ? json : gate::status_text(*json);
    if (!text) return std::unexpected(text.error());
    Output out;
    out.write(*text);
    return out.finish();
  }

  std::string what_;
  std::vector<std::string> devices_;
  std::string policy_;
  std::string directory_ = "/var/lib/alibi-gate";
  bool is_check_ = false;
  bool is_nft_ = false;
  bool is_keep_ = false;
  bool is_detach_ = false;
  bool is_json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_gate() { return std::make_unique<Gate>(); }

}  // namespace alibi::cli
