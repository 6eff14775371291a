// Any bytes as a message of the process connector.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.hpp"
#include "recorder/proc_connector.hpp"

using namespace alibi::recorder::proc;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const Event event = decode_proc_message(std::as_bytes(std::span(bytes, size)), 0);
  // Netlink header, connector header, event header: less can be nothing.
  ALIBI_CHECK(size >= 52 || std::holds_alternative<Malformed>(event));
  return 0;
}
