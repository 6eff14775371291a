#pragma once
// The one encoder and the one decoder of log lines. Form: docs/log-format.md
// section 2; that document decides.
//
//   Field bytes are made safe first: control bytes, DEL, backslash, double
//   quote, bytes that are not valid UTF-8, and characters that end lines or
//   reorder text on a terminal (C1 controls, U+2028, bidirectional marks) become
//   \xNN (backslash: \\), and a first byte of = + - @ becomes \xNN, so that no
//   argument of any program can end a line, forge a column or start a
//   spreadsheet formula. A field with a
//   comma is then enclosed in double quotes (RFC 4180). Decoding gives back the
//   original bytes exactly.
//
// Pure functions, any thread. The decoder accepts arbitrary bytes: it is fuzzed.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "event/record.hpp"

namespace alibi::event {

/// The header line of every segment, without the line end.
[[nodiscard]] std::string_view csv_header();

/// Appends one line including LF. Total: every record has a line.
void append_csv(std::string& out, const Record& record);

/// `line` without its LF. Errors: Corrupt, saying which column.
[[nodiscard]] Result<Record> parse_csv(std::string_view line);

/// Argument vector to one string as a POSIX shell needs it, and back.
/// Arguments of safe bytes stay bare, others are enclosed in single quotes.
[[nodiscard]] std::string quote_args(const std::vector<std::string>& args);
[[nodiscard]] Result<std::vector<std::string>> parse_args(std::string_view text);

}  // namespace alibi::event
