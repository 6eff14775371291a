// Any bytes as the state file of a recorder, and as the answer of the service that marks.
// What is shown of it on a terminal must not break.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "mark/sender.hpp"
#include "report/status.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto status = report::parse_status(text)) {
    ALIBI_CHECK(report::parse_status(report::to_json(*status)).has_value());
    const auto shown = report::to_text(*status, "/var/lib/alibi", {});
    ALIBI_CHECK(shown.find('\x1b') == std::string::npos);
  }
  if (const auto listing = mark::parse_listing(text))
    ALIBI_CHECK(mark::parse_listing(mark::to_json(*listing, {})).has_value());
  return 0;
}
