#include "report/text.hpp"

#include <fmt/format.h>

#include "event/csv.hpp"

namespace alibi::report {
namespace {

std::string base_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string end_text(const std::optional<event::Endpoint>& end) {
  return end ? to_text(*end) : "?";
}

bool is_failure(const std::string& state) {
  return state == "refused" || state == "timeout" || state == "unreachable" || state == "error" ||
         state == "connecting";
}

}  // namespace

std::string label_of(const query::Process& process) {
  const std::string name =
      process.exe.empty() ? "unknown program" : printable(base_of(process.exe));
  if (process.user.empty()) return fmt::format("{} (pid {})", name, process.key.pid);
  return fmt::format("{} (pid {}, user {})", name, process.key.pid, printable(process.user));
}

std::string command_of(const std::vector<std::string>& args) {
  return printable(event::quote_args(args));
}

std::string ends_of(const query::Flow& flow) {
  const char* arrow = flow.direction == event::Direction::Out  ? "→"
                      : flow.direction == event::Direction::In ? "←"
                                                               : "↔";
  return fmt::format("{} {} {} {}", end_text(flow.local), arrow, end_text(flow.remote),
                     printable(flow.proto));
}

std::string outcome_of(const query::Flow& flow) {
  std::string text = flow.state.empty() ? "state not known" : printable(flow.state);
  if (flow.end && *flow.end > flow.start) {
    text += fmt::format(" after {}", duration_text(flow.end->ns - flow.start.ns));
  } else if (!flow.end) {
    text += ", not seen ending";
  }
  const std::uint64_t sent = flow.bytes_out.value_or(0);
  const std::uint64_t received = flow.bytes_in.value_or(0);
  if (sent == 0 && received == 0) {
    if (!is_failure(flow.state)) text += ", no data";
    return text;
  }
  return text + fmt::format(", {} out, {} in", bytes_text(sent), bytes_text(received));
}

}  // namespace alibi::report
