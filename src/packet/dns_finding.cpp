#include "packet/dns_finding.hpp"

#include <algorithm>
#include <array>

#include "packet/dns_message.hpp"

namespace alibi::packet {
namespace {

constexpr std::array<std::uint32_t, 3> kPorts{53, 5353, 5355};
constexpr std::size_t kLengthBytes = 2;

std::span<const std::uint8_t> octets(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

template <typename Item, typename Text>
std::string joined(const std::vector<Item>& items, Text text) {
  std::string all;
  for (const Item& item : items)
    all.append(all.empty() ? "" : ",").append(text(item));
  return all;
}

std::string answer_text(const DnsRecord& record) {
  const std::string value = record.address ? event::to_text(*record.address) : record.target;
  return record.type + (value.empty() ? "" : " " + value);
}

/// Messages of a stream, each kept until it is whole.
class DnsStream : public HeadParser {
 public:
  explicit DnsStream(FindingSink& sink) : sink_(sink) {}

  Taken take(std::span<const std::byte> bytes) override {
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    while (kept_.size() - at >= kLengthBytes) {
      const std::size_t size = announced(at);
      if (kept_.size() - at - kLengthBytes < size) break;
      if (!tell_dns(std::span(kept_).subspan(at + kLengthBytes, size), size, "tcp", sink_))
        return {bytes.size(), Next::Unreadable};
      at += kLengthBytes + size;
    }
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(at));
    return {bytes.size(), Next::Same};
  }
  Next skip(std::uint64_t) override {
    end();
    return Next::Unreadable;
  }
  void end() override {
    if (kept_.size() > kLengthBytes)
      (void)tell_dns(std::span(kept_).subspan(kLengthBytes), announced(0), "tcp", sink_);
    kept_.clear();
  }
  [[nodiscard]] std::size_t kept_bytes() const override { return kept_.size(); }

 private:
  [[nodiscard]] std::size_t announced(std::size_t at) const {
    return std::to_integer<std::size_t>(kept_[at]) << 8U |
           std::to_integer<std::size_t>(kept_[at + 1]);
  }

  FindingSink& sink_;
  std::vector<std::byte> kept_;
};

}  // namespace

bool is_dns_port(std::uint32_t port) { return std::ranges::find(kPorts, port) != kPorts.end(); }

bool tell_dns(std::span<const std::byte> message, std::size_t wire_bytes,
              std::string_view transport, FindingSink& sink) {
  const auto decoded = decode_dns_message(octets(message), DnsTransport::Udp);
  if (!decoded) return false;
  Finding finding{.kind = FindingKind::Dns};
  const auto tell = [&](std::string_view field, std::string value) {
    if (!value.empty()) finding.fields.emplace_back(field, std::move(value));
  };
  tell("transport", std::string(transport));
  tell("message", decoded->is_answer ? "answer" : "query");
  tell("id", std::to_string(decoded->id));
  tell("name", joined(decoded->questions, [](const DnsQuestion& asked) { return asked.name; }));
  tell("type", joined(decoded->questions, [](const DnsQuestion& asked) { return asked.type; }));
  if (decoded->is_answer) tell("rcode", decoded->rcode);
  tell("answers", joined(decoded->answers, answer_text));
  finding.message.assign(message.begin(), message.end());
  finding.is_cut = decoded->is_cut || message.size() < wire_bytes;
  sink.tell(std::move(finding));
  return true;
}

std::unique_ptr<HeadParser> make_dns_stream(FindingSink& sink) {
  return std::make_unique<DnsStream>(sink);
}

}  // namespace alibi::packet
