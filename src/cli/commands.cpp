// The table of commands, and how one is found, explained and started.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/command.hpp"
#include "cli/nearest.hpp"
#include "cli/output.hpp"

namespace alibi::cli {
namespace {

constexpr Entry kCommands[] = {
    {"init", "give a log an identity, so that what is recorded is sealed",
     "  alibi init\n"
     "  alibi init --dir out/d && alibi run --dir out/d -- id\n"
     "  alibi init --show --qr\n",
     make_init},
    {"run", "record one command and everything it starts",
     "  alibi run --dir out/a -- curl -s http://127.0.0.1:8000/\n"
     "  alibi run --dir out/a -- sh -c 'make && ./upload'\n",
     make_run},
    {"record", "record the whole machine (the daemon behind alibi.service)",
     "  alibi record\n"
     "  alibi record --dir /srv/alibi --config /etc/alibi/alibi.toml\n"
     "  alibi record --print-config | sha256sum\n",
     make_record},
    {"status", "what is being recorded, and what was lost",
     "  alibi status\n"
     "  alibi status --json\n",
     make_status},
    {"show", "the records of the log, past or live",
     "  alibi show --from -10m\n"
     "  alibi show --kind exec --kind exit --follow\n"
     "  alibi show --addr 192.0.2.7 --port 443 --from '2026-11-22 14:00' --json\n"
     "  alibi show --csv > all.csv\n",
     make_show},
    {"who", "which program made a connection, and who started it",
     "  alibi who 192.0.2.7:443\n"
     "  alibi who 192.0.2.7 --at 14:05\n"
     "  alibi who --name example.org --json\n",
     make_who},
    {"tree", "a process, its ancestors and descendants, and what each did",
     "  alibi tree 4242\n"
     "  alibi tree 4242 --at -2h\n"
     "  alibi tree 4242@81234567 --json\n",
     make_tree},
    {"packets", "the packets of the log, each with its process",
     "  alibi packets --from -10m 'tcp port 443'\n"
     "  alibi packets --follow 'udp port 53'\n"
     "  alibi packets --from 14:05 --to 14:10 -w out.pcapng\n"
     "  alibi packets --read router.pcap.gz --json 'host 192.0.2.7'\n",
     make_packets},
    {"match", "a capture taken elsewhere: which process here sent each flow, or why none",
     "  alibi match router.pcap\n"
     "  alibi match --dir out/c --json isp.pcapng.zst\n"
     "  alibi match -w with_processes.pcapng router.pcap\n",
     make_match},
    {"import", "logs of other systems, as records that who, show, tree and match read",
     "  alibi import --dir out/c Sysmon.evtx Security.evtx\n"
     "  alibi import --dir out/c events.jsonl.gz\n",
     make_import},
    {"verify", "the verdict on a sealed log or a disclosure bundle, offline",
     "  alibi verify --key log.vkey\n"
     "  alibi verify evidence/ --key log.vkey --policy witnesses.policy --tsa-roots roots.pem\n"
     "  alibi verify bundle/ --key alibi/0f9c...+54784a46+AZ...= --json\n",
     make_verify},
    {"witness", "cosigns the logs of other machines, so that they cannot be changed later",
     "  alibi witness init example.org/w1\n"
     "  alibi witness --log their.vkey --listen 192.0.2.7:8787\n"
     "  alibi witness list\n",
     make_witness},
    {"gate", "what to do with marked packets that come in (docs/marking.md)",
     "  alibi gate --policy gate.toml --check\n"
     "  alibi gate --dev eth0,eth1 --policy /etc/alibi/gate.toml\n"
     "  alibi gate status\n"
     "  alibi show --dir /var/lib/alibi-gate --kind mark_seen\n",
     make_gate},
    {"disclose", "some sealed records for somebody else, with proofs, the others hidden",
     "  alibi disclose --from 14:05 --to 14:10 -o out/bundle\n"
     "  alibi disclose --process 4242@81234567 --hide args --packets -o out/bundle\n"
     "  alibi disclose --record 1207 --record 1215 -o out/bundle\n",
     make_disclose},
    {"mark", "say in every packet of this host what was found on it",
     "  alibi mark on\n"
     "  alibi mark add leak 1 --at -10m --ttl 12h\n"
     "  alibi mark add malware 3\n"
     "  alibi mark list --json\n"
     "  alibi mark del leak\n"
     "  alibi mark off\n",
     make_mark},
    {"completion", "a completion script for a shell",
     "  . <(alibi completion bash)\n"
     "  alibi completion zsh > \"${fpath[1]}/_alibi\"\n"
     "  alibi completion fish > ~/.config/fish/completions/alibi.fish\n",
     make_completion},
    {"version", "the version of this program", "  alibi version\n", make_version},
};

/// Shows the arguments of a command as its pages do: those that may come again with dots.
class UsageFormatter : public CLI::Formatter {
 public:
  std::string make_option_usage(const CLI::Option* option) const override {
    const std::string name =
        option->get_name() + (option->get_items_expected_max() > 1 ? "..." : "");
    return option->get_required() ? name : "[" + name + "]";
  }
};

std::string overview() {
  std::string text =
      "Alibi records which program on this machine did what, and who started it.\n\n"
      "Usage: alibi COMMAND [OPTIONS]\n\nCommands:\n";
  for (const Entry& entry : kCommands)
    text += fmt::format("  {:<12}{}\n", entry.name, entry.purpose);
  return text +
         "\nA first answer:\n"
         "  alibi run --dir out -- curl -s http://example.org/\n"
         "  alibi who --dir out --name example.org\n"
         "\n'alibi help COMMAND' explains a command; the manual is alibi(1).\n";
}

int usage_error(const std::string& command, const std::string& message) {
  const std::string prefix = command.empty() ? "alibi" : "alibi " + command;
  fmt::print(stderr, "{}: {}; see '{} --help'\n", prefix, message, prefix);
  return static_cast<int>(Errc::Usage);
}

const Entry* find_command(const std::string& name) {
  for (const Entry& entry : kCommands) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::string suggestion(const std::string& wrong, const std::vector<std::string>& known) {
  const std::string nearest = nearest_word(wrong, known);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

int unknown_command(const std::string& name) {
  std::vector<std::string> names;
  for (const Entry& entry : kCommands)
    names.emplace_back(entry.name);
  fmt::print(stderr, "alibi: there is no command '{}'{} See 'alibi --help'\n", name,
             suggestion(name, names).empty() ? "." : suggestion(name, names));
  return static_cast<int>(Errc::Usage);
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      names.push_back("--" + name);
    for (const std::string& name : option->get_snames())
      names.push_back("-" + name);
  }
  return names;
}

/// CLI11 says that an argument was not expected; people want to know which one
/// they may have meant.
int wrong_argument(const CLI::App& app, const std::string& command) {
  const std::string argument = app.remaining().front();
  if (!argument.starts_with('-'))
    return usage_error(command, fmt::format("unexpected argument '{}'", argument));
  const std::string name = argument.substr(0, argument.find('='));
  std::string message = fmt::format("there is no option '{}'", name);
  if (const std::string nearest = nearest_word(name, option_names(app)); !nearest.empty()) {
    message += fmt::format(", did you mean '{}'", nearest);
  }
  return usage_error(command, message);
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  for (char& c : text)
    c = c == '\n' ? ' ' : c;
  return text;
}

int finish(const std::string& command, const Result<int>& result) {
  if (result) return *result;
  fmt::print(stderr, "alibi {}: {}\n", command, one_line(result.error().message));
  return static_cast<int>(result.error().code);
}

/// How many of the arguments are options of ours, before "--" or the first word
/// that is no option.
std::size_t own_arguments(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::size_t i = 0;
  while (i < arguments.size() && arguments[i].starts_with('-') && arguments[i] != "--") {
    const CLI::Option* option = app.get_option_no_throw(arguments[i]);
    i += option && option->get_items_expected_min() > 0 ? 2 : 1;
  }
  return std::min(i, arguments.size());
}

void take_rest(const CLI::App& app, std::vector<std::string>& arguments,
               std::vector<std::string>& rest) {
  auto begin = arguments.begin() + static_cast<std::ptrdiff_t>(own_arguments(app, arguments));
  rest.assign(begin != arguments.end() && *begin == "--" ? begin + 1 : begin, arguments.end());
  arguments.erase(begin, arguments.end());
}

int run_command(const Entry& entry, std::vector<std::string> arguments) {
  const auto command = entry.make();
  CLI::App app;
  configure(app, entry, *command);
  std::vector<std::string> rest;
  if (command->rest()) take_rest(app, arguments, rest);
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    Output out;
    out.write(app.help());
    return finish(entry.name, out.finish());
  } catch (const CLI::ExtrasError&) {
    return wrong_argument(app, entry.name);
  } catch (const CLI::ParseError& error) {
    return usage_error(entry.name, one_line(error.what()));
  }
  if (command->rest()) *command->rest() = std::move(rest);
  return finish(entry.name, command->run());
}

int print_help(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    Output out;
    out.write(overview());
    return finish("help", out.finish());
  }
  const Entry* entry = find_command(arguments[1]);
  return entry ? run_command(*entry, {"--help"}) : unknown_command(arguments[1]);
}

}  // namespace

std::span<const Entry> commands() { return kCommands; }

void configure(CLI::App& app, const Entry& entry, Command& command) {
  std::string purpose = entry.purpose;
  purpose[0] = static_cast<char>(std::toupper(purpose[0]));
  app.description(purpose + ".");
  app.name(std::string("alibi ") + entry.name);
  app.footer("Examples:\n" + std::string(entry.examples));
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.formatter(std::make_shared<UsageFormatter>());
  app.get_formatter()->column_width(28);
  command.declare(app);
}

int run_alibi(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    fmt::print(stderr, "{}", overview());
    return static_cast<int>(Errc::Usage);
  }
  const std::string first = arguments.front();
  if (first == "--help" || first == "-h" || first == "help") return print_help(arguments);
  arguments.erase(arguments.begin());
  if (first == "--version" || first == "-V")
    return run_command(*find_command("version"), std::move(arguments));
  if (const Entry* entry = find_command(first)) return run_command(*entry, std::move(arguments));
  if (first.starts_with('-')) {
    return usage_error(
        "",
        fmt::format("there is no option '{}'{}", first,
                    nearest_word(first, {"--help", "--version"}).empty()
                        ? ""
                        : ", did you mean '" + nearest_word(first, {"--help", "--version"}) + "'"));
  }
  return unknown_command(first);
}

}  // namespace alibi::cli
