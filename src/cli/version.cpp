// alibi version

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/output.hpp"

namespace alibi::cli {
namespace {

class Version : public Command {
 public:
  void declare(CLI::App&) override {}
  Result<int> run() override {
    Output out;
    out.write("alibi " ALIBI_VERSION "\n");
    return out.finish();
  }
};

}  // namespace

std::unique_ptr<Command> make_version() { return std::make_unique<Version>(); }

}  // namespace alibi::cli
