// Link, network and transport headers of one packet: two bytes of link type,
// then the packet.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "packet/headers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::packet;
  if (size < 2) return -1;
  const auto link = static_cast<LinkType>(data[0] | data[1] << 8);
  const auto bytes = std::as_bytes(std::span(data + 2, size - 2));
  for (const std::uint64_t original : {bytes.size(), bytes.size() + 1000}) {
    const Headers headers = decode_headers(link, bytes, original);
    if (headers.payload.size() > headers.payload_bytes) std::abort();
    if (headers.payload_bytes > original) std::abort();
    if (headers.is_ip && headers.ip_bytes > original) std::abort();
  }
  return 0;
}
