// alibi completion: scripts generated from the same declarations as the help.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/output.hpp"

namespace alibi::cli {
namespace {

constexpr std::string_view kKinds =
#define KIND(identifier, name, group, hook, meaning) name " "
#include "event/kinds.def"
#undef KIND
    ;

struct OptionLine {
  std::string name;  ///< with its dashes
  std::string meaning;
  std::string value;  ///< type of the value: DIR, FILE, KIND, ...; empty: a flag
};

std::vector<OptionLine> options_of(const Entry& entry) {
  CLI::App app;
  const auto command = entry.make();
  configure(app, entry, *command);
  std::vector<OptionLine> lines;
  for (const CLI::Option* option : app.get_options()) {
    const std::string value = option->get_items_expected_max() > 0 ? option->get_type_name() : "";
    for (const std::string& name : option->get_lnames())
      lines.push_back({"--" + name, option->get_description(), value});
  }
  return lines;
}

/// Words a value may have; empty: anything.
std::string words_of(const std::string& value) {
  if (value == "KIND") return std::string(kKinds);
  if (value.starts_with("WHEN")) return "auto always never";
  if (value.starts_with("FORM")) return "text json";
  if (value == "PROTO") return "tcp udp icmp icmp6 packet";
  return {};
}

std::string bash_value_case(const OptionLine& option) {
  if (option.value == "DIR") return "COMPREPLY=($(compgen -d -- \"$cur\"))";
  if (option.value == "FILE") return "COMPREPLY=($(compgen -f -- \"$cur\"))";
  return fmt::format("COMPREPLY=($(compgen -W \"{}\" -- \"$cur\"))", words_of(option.value));
}

std::string bash_script() {
  std::string names;
  std::string cases;
  for (const Entry& entry : commands()) {
    names += std::string(entry.name) + " ";
    std::string words;
    for (const OptionLine& option : options_of(entry))
      words += option.name + " ";
    if (std::string_view(entry.name) == "completion") words += "bash zsh fish ";
    cases += fmt::format("    {}) words=\"{}\" ;;\n", entry.name, words);
  }
  std::map<std::string, std::string> values;
  for (const Entry& entry : commands()) {
    for (const OptionLine& option : options_of(entry)) {
      if (!option.value.empty()) values[option.name] = bash_value_case(option);
    }
  }
  std::string value_cases;
  for (const auto& [name, action] : values)
    value_cases += fmt::format("    {}) {}; return ;;\n", name, action);
  return fmt::format(
      "# bash completion for alibi; made by: alibi completion bash\n"
      "_alibi() {{\n"
      "  local cur=\"${{COMP_WORDS[COMP_CWORD]}}\" prev=\"${{COMP_WORDS[COMP_CWORD-1]}}\" words=\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"help {0}--help --version\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case \"$prev\" in\n{1}  esac\n"
      "  case \"${{COMP_WORDS[1]}}\" in\n{2}    help) words=\"{0}\" ;;\n  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "}}\n"
      "complete -o default -F _alibi alibi\n",
      names, value_cases, cases);
}

/// For single quotes, with what zsh's _arguments reads specially escaped.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out;
}

std::string zsh_action(const OptionLine& option) {
  if (option.value.empty()) return {};
  if (option.value == "DIR") return ":directory:_files -/";
  if (option.value == "FILE") return ":file:_files";
  const std::string words = words_of(option.value);
  return words.empty() ? ":value: " : fmt::format(":value:({})", words);
}

std::string zsh_script() {
  std::string names;
  std::string cases;
  for (const Entry& entry : commands()) {
    names += fmt::format("    '{}:{}'\n", entry.name, zsh_text(entry.purpose));
    std::string specs;
    for (const OptionLine& option : options_of(entry)) {
      specs += fmt::format(" \\\n        '*{}[{}]{}'", option.name, zsh_text(option.meaning),
                           zsh_action(option));
    }
    const bool is_completion = std::string_view(entry.name) == "completion";
    cases += fmt::format(
        "      {}) _arguments{}{} ;;\n", entry.name, specs,
        is_completion ? " \\\n        '1:shell:(bash zsh fish)'" : " \\\n        '*:: :_default'");
  }
  return fmt::format(
      "#compdef alibi\n"
      "# zsh completion for alibi; made by: alibi completion zsh\n"
      "_alibi() {{\n"
      "  local -a commands\n"
      "  commands=(\n    'help:explain a command'\n{}  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "  else\n"
      "    local name=$words[2]\n"
      "    shift words\n"
      "    (( CURRENT-- ))\n"
      "    case $name in\n{}      help) _describe command commands ;;\n    esac\n"
      "  fi\n"
      "}}\n"
      "if [ \"$funcstack[1]\" = \"_alibi\" ]; then _alibi \"$@\"; else compdef _alibi alibi; fi\n",
      names, cases);
}

std::string fish_text(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_script() {
  std::string out =
      "# fish completion for alibi; made by: alibi completion fish\ncomplete -c alibi -f\n";
  for (const Entry& entry : commands()) {
    out += fmt::format("complete -c alibi -n __fish_use_subcommand -a {} -d {}\n", entry.name,
                       fish_text(entry.purpose));
    const std::string condition =
        fmt::format("complete -c alibi -n '__fish_seen_subcommand_from {}'", entry.name);
    for (const OptionLine& option : options_of(entry)) {
      std::string action;
      if (option.value == "DIR")
        action = " -x -a '(__fish_complete_directories)'";
      else if (option.value == "FILE")
        action = " -r -F";
      else if (!option.value.empty())
        action = fmt::format(" -x -a '{}'", words_of(option.value));
      out += fmt::format("{} -l {} -d {}{}\n", condition, option.name.substr(2),
                         fish_text(option.meaning), action);
    }
  }
  out += "complete -c alibi -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n";
  return out;
}

class Completion : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("shell", shell_, "bash, zsh or fish")
        ->type_name("SHELL")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  }

  Result<int> run() override {
    Output out;
    out.write(shell_ == "bash" ? bash_script() : shell_ == "zsh" ? zsh_script() : fish_script());
    return out.finish();
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> make_completion() { return std::make_unique<Completion>(); }

}  // namespace alibi::cli
