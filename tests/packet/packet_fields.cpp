// Prints what our own reader and decoder say about each packet of capture
// files, one JSON array a line, for against_tshark.py:
//
//   packet_fields FILE...
//
// Each file begins with a line {"file":...} and ends with {"end":...}: empty,
// or the error that ended it.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "packet/capture_reader.hpp"
#include "packet/headers.hpp"

namespace {

using namespace alibi;
using nlohmann::json;

json ends(const packet::Headers& headers) {
  if (!headers.is_ip) return {};
  return {to_text(headers.source), to_text(headers.destination),
          headers.protocol,        headers.hop_limit,
          headers.ip_id,           headers.is_first_fragment};
}

json transport(const packet::Headers& headers) {
  if (!headers.is_transport_whole) return {};
  return {headers.source_port,   headers.destination_port, headers.tcp_seq,   headers.tcp_ack,
          headers.tcp_flags,     headers.tcp_window,       headers.icmp_type, headers.icmp_code,
          headers.payload_bytes, headers.is_fragment};
}

json process_of(const packet::ProcessInfo& process) {
  return {process.pid, process.name, process.path, process.args, process.start_ns.value_or(0)};
}

void print(const json& value) {
  fmt::print("{}\n", value.dump(-1, ' ', true, json::error_handler_t::replace));
}

void print_packets(const std::string& file) {
  print({{"file", file}});
  auto reader = packet::CaptureReader::open(file);
  if (!reader) return print({{"end", reader.error().message}});
  for (;;) {
    const auto next = (*reader)->next();
    if (!next) return print({{"end", next.error().message}});
    if (!*next) break;
    const packet::Packet& packet = **next;
    const packet::Headers headers = decode_headers(packet);
    print({packet.time.ns, packet.original_bytes, packet.bytes.size(), packet.interface,
           static_cast<int>(packet.direction), packet.pid.value_or(0), packet.tid.value_or(0),
           packet.id ? json(*packet.id) : json(), packet.dropped, packet.comment,
           headers.ether_type, ends(headers), transport(headers)});
  }
  json processes = json::array();
  for (const auto& process : (*reader)->processes())
    processes.push_back(process_of(process));
  print({{"end", ""}, {"processes", processes}});
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    print_packets(argv[i]);
}
