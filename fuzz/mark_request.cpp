// Any message to the socket of marking; what is understood has one form.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mark/request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = alibi::mark::parse_request({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  const auto again = alibi::mark::parse_request(to_text(*request));
  if (!again || !(*again == *request)) std::abort();
  return 0;
}
