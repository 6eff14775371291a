// Any packet as an answer of IP Messenger. What confirms a message names its number.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "notify/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kNumber = "4711";
  if (alibi::notify::is_receipt(packet, kNumber) && packet.find(kNumber) == packet.npos)
    std::abort();
  return 0;
}
