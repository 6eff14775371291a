// Packets of a few flows: the input says of each its flow, direction, flags,
// place in the stream, ports and size; what follows is its payload.

#include "packet/inspector.hpp"

#include "packet/cursor.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::packet;
  constexpr std::uint32_t kPorts[] = {8080, 443, 53, 5353};
  const auto found = [](const Finding&) {};
  const auto inspector = Inspector::make({.keep_bodies = size % 2 == 0});
  const auto inside = Inspector::make({.are_heads_only = true});
  std::uint32_t next_seq[4][2] = {};
  Cursor at(std::as_bytes(std::span(data, size)));
  for (std::uint64_t time = 1; at.left() > 4; ++time) {
    const unsigned kind = at.u8();
    const unsigned stream = kind & 3U;
    const bool is_from_source = (kind & 4U) != 0;
    const auto shift = static_cast<std::int8_t>(at.u8());
    Headers headers;
    headers.is_transport_whole = true;
    headers.is_ip = true;
    headers.protocol = (kind & 8U) != 0 ? 17 : 6;
    headers.source_port = kPorts[(kind >> 4U) & 3U];
    headers.tcp_flags = at.u8();
    headers.payload = at.take_some(at.u8());
    headers.payload_bytes =
        static_cast<std::uint32_t>(headers.payload.size()) + ((kind & 64U) != 0 ? 9 : 0);
    std::uint32_t& seq = next_seq[stream][is_from_source ? 0 : 1];
    headers.tcp_seq = seq + static_cast<std::uint32_t>((kind & 128U) != 0 ? shift : 0);
    headers.tcp_ack = next_seq[stream][is_from_source ? 1 : 0];
    seq = headers.tcp_seq + headers.payload_bytes;
    inspector->add(stream, is_from_source, {time * 1'000'000'000}, headers, found);
    HeadPiece piece;
    piece.position = seq;
    piece.offset = seq + headers.tcp_flags;
    piece.before = {'\r', '\n', '\r', static_cast<std::uint8_t>(shift)};
    piece.bytes = headers.payload;
    inside->add_piece(stream, is_from_source, {time}, piece, found);
    if (shift == 127) {
      inspector->end(stream, found);
      inside->end(stream, found);
    }
  }
  for (const unsigned stream : {0U, 1U, 2U, 3U})
    inspector->end(stream, found);
  if (inspector->streams_dropped() != 0) __builtin_trap();
  return 0;
}
