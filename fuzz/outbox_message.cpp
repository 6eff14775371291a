// Any file of the outbox as a message; what is understood stays what it is.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "notify/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using alibi::notify::parse_message;
  const auto message = parse_message({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  const auto again = parse_message(to_json(*message));
  if (!again || again->id != message->id || again->target != message->target ||
      again->channel != message->channel || again->next_try_s != message->next_try_s)
    std::abort();
  return 0;
}
