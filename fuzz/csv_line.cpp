// Any bytes as a line of the log. What parses must come back from its own text,
// and that text must be one line that no terminal or spreadsheet can misread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "event/csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::event;
  const auto record = parse_csv({reinterpret_cast<const char*>(data), size});
  if (!record) return 0;
  std::string line;
  append_csv(line, *record);
  ALIBI_CHECK(line.find('\n') == line.size() - 1);
  line.pop_back();
  for (const char byte : line)
    ALIBI_CHECK(static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7f);
  const auto again = parse_csv(line);
  ALIBI_CHECK(again.has_value());
  std::string same;
  append_csv(same, *again);
  same.pop_back();
  ALIBI_CHECK(same == line);
  ALIBI_CHECK(again->args == record->args && again->extra == record->extra);
  return 0;
}
