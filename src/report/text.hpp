#pragma once
// Answers as text for eyes. Not for programs: it may change (docs/commands.md);
// programs use --json or --csv.
//
// Everything that comes from the log passes printable() (style.hpp).

#include <string>

#include "event/record.hpp"
#include "query/tree.hpp"
#include "query/who.hpp"
#include "report/style.hpp"

namespace alibi::report {

/// The answer in words first, then what it rests on.
[[nodiscard]] std::string to_text(const query::WhoAnswer& answer, const Style& style);

[[nodiscard]] std::string to_text(const query::TreeAnswer& answer, const Style& style);

/// One line per record, under a line for each new day.
class RecordLines {
 public:
  explicit RecordLines(const Style& style) : style_(style) {}
  [[nodiscard]] std::string next(const event::Record& record);

 private:
  Style style_;
  std::string day_;
};

/// "curl (pid 4242, user root)"; "a process (pid 7)" where the image is not known.
[[nodiscard]] std::string label_of(const query::Process& process);
/// As typed in a shell, printable; "" when the arguments are not in the log.
[[nodiscard]] std::string command_of(const std::vector<std::string>& args);
/// "10.0.0.1:5 -> 10.0.0.2:80 tcp", arrow by direction.
[[nodiscard]] std::string ends_of(const query::Flow& flow);
/// "refused, nothing sent", "closed after 3.1 s, 80 B out, 512 B in".
[[nodiscard]] std::string outcome_of(const query::Flow& flow);

}  // namespace alibi::report
