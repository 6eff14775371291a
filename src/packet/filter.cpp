#include "packet/filter.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>

namespace alibi::packet {
namespace {

constexpr int kSnapBytes = 262'144;

/// Inside libpcap link types have other numbers than in files, where these
/// differ between systems.
int to_dlt(LinkType link) { return link == LinkType::Raw ? DLT_RAW : static_cast<int>(link); }

struct Program {
  bpf_program code{};
  bool is_compiled = false;
  std::string message;  ///< why not

  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (is_compiled) ::pcap_freecode(&code);
  }
};

std::unique_ptr<Program> compile_for(LinkType link, const std::string& expression) {
  auto program = std::make_unique<Program>();
  const std::unique_ptr<pcap_t, decltype(&::pcap_close)> handle(
      ::pcap_open_dead(to_dlt(link), kSnapBytes), &::pcap_close);
  if (!handle) {
    program->message = "out of memory";
    return program;
  }
  program->is_compiled = ::pcap_compile(handle.get(), &program->code, expression.c_str(), 1,
                                        PCAP_NETMASK_UNKNOWN) == 0;
  if (!program->is_compiled) program->message = ::pcap_geterr(handle.get());
  return program;
}

/// Words of pcap-filter(7) that stand on their own.
constexpr auto kWords = std::to_array<std::string_view>(
    {"aarp", "ah",        "and",       "arp",    "atalk",   "broadcast", "carp",       "decnet",
     "dst",  "esp",       "ether",     "fddi",   "gateway", "geneve",    "greater",    "host",
     "icmp", "icmp6",     "ifname",    "igmp",   "igrp",    "inbound",   "ip",         "ip6",
     "ipx",  "iso",       "len",       "less",   "link",    "moprc",     "mopdl",      "mpls",
     "net",  "mask",      "multicast", "not",    "on",      "or",        "outbound",   "pim",
     "port", "portrange", "ppp",       "pppoed", "pppoes",  "proto",     "protochain", "radio",
     "rarp", "sca",       "sctp",      "slip",   "src",     "stp",       "tcp",        "tr",
     "type", "udp",       "vlan",      "vrrp",   "wlan"});

/// Words behind which a name may follow.
constexpr auto kQualifiers = std::to_array<std::string_view>(
    {"host", "net", "port", "portrange", "src", "dst", "proto", "protochain", "gateway", "and",
     "or", "not", "ifname", "on", "type", "mask"});

bool is_among(std::string_view word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

/// libpcap tells no place. The likely one of a syntax error: the first word that
/// is no word of the language and stands where no name can stand.
std::string place_of_error(std::string_view expression) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string_view before = "and";
  for (std::size_t at = 0; at < expression.size();) {
    if (!std::isalnum(static_cast<unsigned char>(expression[at]))) {
      before = std::isspace(static_cast<unsigned char>(expression[at])) ? before : "and";
      ++at;
      continue;
    }
    const std::size_t end =
        std::min(expression.find_first_of(" \t()[]&|!=<>+*/", at), expression.size());
    const auto word = expression.substr(at, end - at);
    const bool is_name = word.find_first_not_of(kLetters) == std::string_view::npos;
    if (is_name && !is_among(word, kWords) && !is_among(before, kQualifiers))
      return fmt::format(" near '{}' (character {})", word, at + 1);
    before = word;
    at = end;
  }
  return "";
}

class CompiledFilter : public Filter {
 public:
  explicit CompiledFilter(std::string expression) : expression_(std::move(expression)) {}

  Status check() {
    const Program& ethernet = program_for(LinkType::Ethernet);
    if (ethernet.is_compiled || program_for(LinkType::Raw).is_compiled) return {};
    const bool is_syntax = ethernet.message.contains("syntax error");
    return fail(Errc::Usage,
                fmt::format("filter '{}': {}{}; see pcap-filter(7)", expression_, ethernet.message,
                            is_syntax ? place_of_error(expression_) : ""));
  }

  Result<bool> matches(const Packet& packet) override {
    const Program& program = program_for(packet.link);
    if (!program.is_compiled)
      return fail(Errc::Usage,
                  fmt::format("filter '{}' on packets of link type {}: {}", expression_,
                              static_cast<unsigned>(packet.link), program.message));
    // Time plays no part in a filter.
    const pcap_pkthdr header{
        .ts = {},
        .caplen = static_cast<bpf_u_int32>(packet.bytes.size()),
        .len = static_cast<bpf_u_int32>(std::min<std::uint64_t>(packet.original_bytes, UINT32_MAX)),
    };
    return ::pcap_offline_filter(&program.code, &header,
                                 reinterpret_cast<const u_char*>(packet.bytes.data())) != 0;
  }

 private:
  const Program& program_for(LinkType link) {
    auto& program = programs_[link];
    if (!program) program = compile_for(link, expression_);
    return *program;
  }

  std::string expression_;
  std::map<LinkType, std::unique_ptr<Program>> programs_;
};

}  // namespace

Result<std::unique_ptr<Filter>> Filter::compile(std::string expression) {
  if (expression.find('\0') != std::string::npos)
    return fail(Errc::Usage, "filter: a zero byte cannot be part of it");
  auto filter = std::make_unique<CompiledFilter>(std::move(expression));
  if (auto done = filter->check(); !done) return std::unexpected(done.error());
  return filter;
}

}  // namespace alibi::packet
