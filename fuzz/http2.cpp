// HTTP/2 frames of both sides: what one asks for bounds the other.

#include "packet/http2.hpp"

#include "pieces.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::packet;
  const auto bytes = std::as_bytes(std::span(data, size));
  (void)recognise_http2(bytes);
  NoSink sink;
  Exchange exchange;
  Http2Tables tables;
  const auto client = tables.read(true, exchange, sink);
  const auto server = tables.read(false, exchange, sink);
  read_in_pieces(*client, bytes);
  read_in_pieces(*server, bytes);
  read_in_pieces(*client, bytes);
  return 0;
}
