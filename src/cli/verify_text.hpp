#pragma once
// A verdict for people and for programs. The first line of the text is the
// verdict's word and nothing else; only PASS is green.

#include <string>

#include "report/style.hpp"
#include "verify/report.hpp"

namespace alibi::cli {

[[nodiscard]] std::string to_text(const verify::Report& report, const report::Style& style);
/// One object, as docs/seal-format.md section 9 says, with its line end.
[[nodiscard]] std::string to_json(const verify::Report& report);

}  // namespace alibi::cli
