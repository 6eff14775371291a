#pragma once
// Answers as JSON, one object on one line, without the line end. Fields:
// docs/commands.md. Bytes that are not UTF-8 become U+FFFD (`show --csv` keeps
// them exactly).
//
// Pure functions, any thread.

#include <string>
#include <vector>

#include "event/record.hpp"
#include "query/tree.hpp"
#include "query/who.hpp"

namespace alibi::report {

/// Column names as keys; empty columns are left out.
[[nodiscard]] std::string to_json(const event::Record& record);
[[nodiscard]] std::string to_json(const query::FlowAnswer& answer);
/// `"flow":null` and the question that was asked.
[[nodiscard]] std::string to_json(const query::NameAnswer& answer);
/// One object per process: ancestors from the oldest, the process, descendants.
[[nodiscard]] std::vector<std::string> to_json_lines(const query::TreeAnswer& answer);

}  // namespace alibi::report
