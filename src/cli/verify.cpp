// alibi verify

#include "verify/verify.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/progress_bar.hpp"
#include "cli/time_argument.hpp"
#include "cli/verify_text.hpp"
#include "store/disk.hpp"

namespace alibi::cli {
namespace {

constexpr std::uint64_t kInputBytesMax = 4U << 20;

Result<std::string> read_input(const std::string& path, const char* option) {
  auto text = store::read_file(store::real_disk(), path, kInputBytesMax);
  if (!text) return during(option, text.error());
  return text;
}

/// Wrong use: what the verifier brought cannot be read.
template <typename T>
Result<T> as_usage(const char* option, Result<T> result) {
  if (result) return result;
  return fail(Errc::Usage, fmt::format("{}: {}", option, result.error().message));
}

/// Keys that anybody can sign for are a finding, not a slip of the pen.
bool is_weak(const Error& error) { return error.message.find(seal::kWeakKey) != std::string::npos; }

/// NAME+HASH+KEY as it is, or the first line of a file.
Result<std::string> read_key(const std::string& argument) {
  if (std::ranges::count(argument, '+') >= 2) return argument;
  auto text = read_input(argument, "--key");
  if (!text) {
    return fail(Errc::Usage,
                "--key " + argument + ": neither a verification key nor a file that can be read");
  }
  return text->substr(0, text->find('\n'));
}

class Verify : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("path", path_, "Log or disclosure bundle [$ALIBI_DIR, /var/lib/alibi]")
        ->type_name("DIR|BUNDLE");
    app.add_option("--key", key_, "Verification key of the log, from elsewhere than the evidence")
        ->type_name("VKEY|FILE");
    app.add_option("--policy", policy_, "Whose cosignatures are believed (C2SP tlog-policy)")
        ->type_name("FILE");
    app.add_option("--requirements", requirements_, "What is demanded beyond the policy")
        ->type_name("FILE");
    app.add_option("--genesis", genesis_, "Hash of the genesis leaf, as `alibi init` printed it")
        ->type_name("HEX");
    app.add_option("--note", notes_, "A checkpoint that a witness returned")->type_name("FILE");
    app.add_option("--tsa-roots", tsa_roots_, "Certificates of time-stamp authorities (PEM)")
        ->type_name("FILE");
    app.add_option("--identity", identity_, "age identity that opens encrypted files")
        ->type_name("FILE");
    app.add_option("--at", at_, "The time that is asked about: the log must reach it")
        ->type_name("TIME");
    app.add_flag("--quiet", is_quiet_, "The exit status only");
    style_.declare(app);
  }

  Result<int> run() override {
    const auto path = path_.empty() ? directory_.value() : std::filesystem::path(path_);
    const auto needs_key = verify::needs_key(path);
    if (!needs_key) return std::unexpected(needs_key.error());
    if (*needs_key && key_.empty()) {
      return fail(Errc::Usage,
                  "give --key: the verification key of this log, as it was noted outside of it "
                  "when it was made (what stands in the evidence proves nothing)");
    }
    const auto inputs = read_inputs();
    if (!inputs) return std::unexpected(inputs.error());
    auto report = verify_with_bar(path, *inputs);
    if (!report) return std::unexpected(report.error());
    if (!is_quiet_) {
      Output out;
      out.write(style_.is_json ? to_json(*report) : to_text(*report, style_.style()));
      if (const auto printed = out.finish(); !printed) return printed;
    }
    return static_cast<int>(report->verdict);
  }

 private:
  static Result<verify::Report> verify_with_bar(const std::filesystem::path& path,
                                                const verify::Inputs& inputs) {
    verify::Progress progress;
    const ProgressBar bar(progress);
    return verify::verify(path, inputs, progress);
  }

  Result<verify::Inputs> read_inputs() const {
    verify::Inputs inputs;
    inputs.threads = std::max(1U, std::thread::hardware_concurrency());
    inputs.identity = identity_;
    if (!key_.empty()) {
      auto key = read_key(key_);
      if (!key) return std::unexpected(key.error());
      const auto parsed = seal::VerificationKey::from_text(*key);
      if (!parsed && !is_weak(parsed.error()))
        return fail(Errc::Usage, "--key: " + parsed.error().message);
      inputs.key = std::move(*key);
    }
    if (auto done = read_trust(inputs); !done) return std::unexpected(done.error());
    inputs.now = wall_now();
    if (!at_.empty()) {
      const auto moment = parse_moment(at_, inputs.now, style_.zone());
      if (!moment) return during("--at", moment.error());
      inputs.at = moment->last;
    }
    if (!genesis_.empty()) {
      inputs.genesis = seal::Hash::from_hex(genesis_);
      if (!inputs.genesis)
        return fail(Errc::Usage, "--genesis " + genesis_ + ": 64 hexadecimal digits are expected");
    }
    return inputs;
  }

  Status read_trust(verify::Inputs& inputs) const {
    if (!policy_.empty()) {
      const auto text = read_input(policy_, "--policy");
      if (!text) return std::unexpected(text.error());
      auto policy = as_usage("--policy", seal::Policy::from_text(*text));
      if (policy) {
        inputs.policy = std::move(*policy);
      } else if (is_weak(policy.error())) {
        inputs.weak_key = policy.error().message;
      } else {
        return std::unexpected(policy.error());
      }
    }
    if (!requirements_.empty()) {
      const auto text = read_input(requirements_, "--requirements");
      if (!text) return std::unexpected(text.error());
      auto requirements = as_usage("--requirements", seal::Requirements::from_text(*text));
      if (!requirements) return std::unexpected(requirements.error());
      inputs.requirements = std::move(*requirements);
    }
    if (!tsa_roots_.empty()) {
      auto roots = read_input(tsa_roots_, "--tsa-roots");
      if (!roots) return std::unexpected(roots.error());
      inputs.tsa_roots = std::move(*roots);
      if (inputs.tsa_roots.empty()) return fail(Errc::Usage, "--tsa-roots: the file is empty");
    }
    for (const std::string& name : notes_) {
      auto bytes = read_input(name, "--note");
      if (!bytes) return std::unexpected(bytes.error());
      const auto note = as_usage(name.c_str(), seal::parse_note(*bytes));
      if (!note) return std::unexpected(note.error());
      inputs.notes.push_back({name, std::move(*bytes)});
    }
    return {};
  }

  std::string path_;
  std::string key_;
  std::string policy_;
  std::string requirements_;
  std::string genesis_;
  std::vector<std::string> notes_;
  std::string tsa_roots_;
  std::string identity_;
  std::string at_;
  bool is_quiet_ = false;
  DirectoryOption directory_;
  StyleOptions style_;
};

}  // namespace

std::unique_ptr<Command> make_verify() { return std::make_unique<Verify>(); }

}  // namespace alibi::cli
