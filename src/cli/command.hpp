#pragma once
// The commands of `alibi`: one class and one file each, listed in one table
// (commands.cpp). Contract with the shell: docs/commands.md.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace CLI {
class App;
}

namespace alibi::cli {

class Command {
 public:
  virtual ~Command() = default;
  /// Adds options and positional arguments, to be read by run().
  virtual void declare(CLI::App& app) = 0;
  /// Where the words go that follow the command's own options, if it takes a
  /// command line of its own (`alibi run`); null: it does not.
  virtual std::vector<std::string>* rest() { return nullptr; }
  /// The exit status, or the error whose code is the exit status.
  virtual Result<int> run() = 0;
};

struct Entry {
  const char* name;
  const char* purpose;   ///< one line
  const char* examples;  ///< lines for the end of the help
  std::unique_ptr<Command> (*make)();
};

std::unique_ptr<Command> make_init();
std::unique_ptr<Command> make_run();
std::unique_ptr<Command> make_record();
std::unique_ptr<Command> make_status();
std::unique_ptr<Command> make_show();
std::unique_ptr<Command> make_who();
std::unique_ptr<Command> make_tree();
std::unique_ptr<Command> make_packets();
std::unique_ptr<Command> make_match();
std::unique_ptr<Command> make_import();
std::unique_ptr<Command> make_verify();
std::unique_ptr<Command> make_disclose();
std::unique_ptr<Command> make_witness();
std::unique_ptr<Command> make_gate();
std::unique_ptr<Command> make_mark();
std::unique_ptr<Command> make_completion();
std::unique_ptr<Command> make_version();

[[nodiscard]] std::span<const Entry> commands();

/// Everything after the program's name. Prints results and errors, returns the
/// exit status.
int run_alibi(std::vector<std::string> arguments);

/// Of the command as help and completion show it.
void configure(CLI::App& app, const Entry& entry, Command& command);

}  // namespace alibi::cli
