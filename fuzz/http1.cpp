// HTTP/1 messages, requests and responses, with and without their bodies.

#include "packet/http1.hpp"

#include "pieces.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::packet;
  const auto bytes = std::as_bytes(std::span(data, size));
  (void)recognise_http1(bytes);
  for (const bool is_request : {true, false}) {
    for (const Inspector::Options options :
         {Inspector::Options{.keep_bodies = true}, {}, {.are_heads_only = true}}) {
      NoSink sink;
      Exchange exchange;
      exchange.ask({"HEAD", "http://host/"});
      read_in_pieces(*make_http1(is_request, options, exchange, sink), bytes);
    }
  }
  return 0;
}
