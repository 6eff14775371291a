// Prints what the Inspector finds in capture files, one JSON object a line, for
// requests_against_tshark.py:
//
//   inspect_capture [--bodies] FILE...
//
// Each file begins with a line {"file":...} and ends with {"end":...}: empty,
// or the error that ended it; then how many packets it has and between which
// ends. `frame` counts from 1, as tshark does.

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <tuple>

#include "packet/capture_reader.hpp"
#include "packet/headers.hpp"
#include "packet/inspector.hpp"

namespace {

using namespace alibi;
using nlohmann::json;

using End = std::pair<event::IpAddress, std::uint32_t>;

struct Flow {
  std::uint64_t number = 0;
  End source;
};

const char* name_of(packet::FindingKind kind) {
  switch (kind) {
    case packet::FindingKind::HttpRequest: return "http";
    case packet::FindingKind::HttpResponse: return "http_response";
    case packet::FindingKind::TlsClientHello: return "tls";
    case packet::FindingKind::TlsCertificate: return "tls_certificate";
    case packet::FindingKind::QuicInitial: return "quic";
    case packet::FindingKind::Dns: return "dns";
  }
  return "";
}

void print(const json& value) {
  fmt::print("{}\n", value.dump(-1, ' ', true, json::error_handler_t::replace));
}

class Inspection {
 public:
  explicit Inspection(bool keep_bodies)
      : inspector_(packet::Inspector::make({.keep_bodies = keep_bodies})) {}

  void add(const packet::Packet& packet) {
    ++frame_;
    const packet::Headers headers = decode_headers(packet);
    const End from{headers.source, headers.source_port};
    const End to{headers.destination, headers.destination_port};
    const auto key = std::tuple(headers.protocol, std::min(from, to), std::max(from, to));
    const bool is_answer = (headers.tcp_flags & packet::kSyn) && (headers.tcp_flags & packet::kAck);
    const auto [flow, is_new] =
        flows_.try_emplace(key, Flow{flows_.size() + 1, is_answer ? to : from});
    const std::uint64_t ns = packet.time.ns < 0 ? 0 : static_cast<std::uint64_t>(packet.time.ns);
    inspector_->add(flow->second.number, flow->second.source == from, BootNs{ns}, headers,
                    [&](const packet::Finding& finding) { print_finding(finding); });
  }

  void end() {
    for (const auto& [key, flow] : flows_)
      inspector_->end(flow.number, [&](const packet::Finding& finding) { print_finding(finding); });
  }

  [[nodiscard]] json summary(const std::string& error) const {
    json flows = json::array();
    for (const auto& [key, flow] : flows_) {
      const auto& [protocol, one, other] = key;
      flows.push_back(fmt::format("{} {} {} {} {}", protocol, to_text(one.first), one.second,
                                  to_text(other.first), other.second));
    }
    return {{"end", error},
            {"packets", frame_},
            {"flows", flows},
            {"dropped", inspector_->streams_dropped()}};
  }

 private:
  void print_finding(const packet::Finding& finding) const {
    json fields = json::object();
    for (const auto& [name, value] : finding.fields)
      fields[name] = value;
    print({{"kind", name_of(finding.kind)},
           {"frame", frame_},
           {"stream", finding.stream},
           {"from_source", finding.is_from_source},
           {"cut", finding.is_cut},
           {"fields", fields}});
  }

  std::unique_ptr<packet::Inspector> inspector_;
  std::map<std::tuple<std::uint8_t, End, End>, Flow> flows_;
  std::uint64_t frame_ = 0;
};

void inspect(const std::string& file, bool keep_bodies) {
  print({{"file", file}});
  Inspection inspection(keep_bodies);
  std::string error;
  auto reader = packet::CaptureReader::open(file);
  if (!reader) return print(inspection.summary(reader.error().message));
  for (;;) {
    const auto next = (*reader)->next();
    if (!next) error = next.error().message;
    if (!next || !*next) break;
    inspection.add(**next);
  }
  inspection.end();
  print(inspection.summary(error));
}

}  // namespace

int main(int argc, char** argv) {
  const bool keep_bodies = argc > 1 && std::string_view(argv[1]) == "--bodies";
  for (int i = keep_bodies ? 2 : 1; i < argc; ++i)
    inspect(argv[i], keep_bodies);
}
