// TLS records, and handshake messages as QUIC carries them.

#include "packet/tls.hpp"

#include "packet/handshake.hpp"
#include "pieces.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::packet;
  const auto bytes = std::as_bytes(std::span(data, size));
  (void)recognise_tls(bytes);
  NoSink sink;
  read_in_pieces(*make_tls(sink), bytes);
  Handshake handshake(sink, 'q');
  handshake.take(bytes);
  handshake.end();
  return 0;
}
