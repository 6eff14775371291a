// Any bytes as an args field, and any bytes as arguments (separated by NUL).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "event/csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::event;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto args = parse_args(bytes)) {
    ALIBI_CHECK(parse_args(quote_args(*args)).value() == *args);
  }
  std::vector<std::string> args(1);
  for (const char byte : bytes) {
    if (byte == '\0') {
      args.emplace_back();
    } else {
      args.back() += byte;
    }
  }
  ALIBI_CHECK(parse_args(quote_args(args)).value() == args);
  return 0;
}
