// DNS messages, as datagrams and as a stream.

#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/dns_message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::packet;
  for (const auto transport : {DnsTransport::Udp, DnsTransport::Tcp})
    if (const auto message = decode_dns_message(std::span(data, size), transport); message)
      (void)named_addresses(*message);
  return 0;
}
