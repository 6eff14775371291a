#include "report/packet_text.hpp"

#include <fmt/format.h>

#include <cctype>
#include <string_view>

#include "packet/mark.hpp"
#include "query/packet_export.hpp"

namespace alibi::report {
namespace {

using packet::Headers;

constexpr std::size_t kWhoColumns = 28;
constexpr std::size_t kInterfaceColumns = 6;

struct Named {
  unsigned number;
  const char* name;
};

constexpr Named kFlags[] = {
    {packet::kSyn, "SYN"}, {packet::kFin, "FIN"}, {packet::kRst, "RST"}, {packet::kPsh, "PSH"},
    {packet::kAck, "ACK"}, {packet::kUrg, "URG"}, {packet::kEce, "ECE"}, {packet::kCwr, "CWR"},
};

constexpr Named kEtherTypes[] = {
    {0x0806, "ARP"}, {0x88cc, "LLDP"}, {0x888e, "EAPOL"}, {0x8035, "RARP"}, {0x88e5, "MACsec"},
};

/// "TCP"; other protocols by their IANA number.
std::string upper(std::string name) {
  for (char& c : name)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return std::isdigit(static_cast<unsigned char>(name.front())) ? "IP protocol " + name : name;
}

std::string end_of(const event::IpAddress& address, std::uint32_t port, bool has_port) {
  if (!has_port) return event::to_text(address);
  return to_text(event::Endpoint{address, static_cast<std::uint16_t>(port)});
}

std::string flags_text(std::uint8_t flags) {
  std::string text;
  for (const Named& flag : kFlags) {
    if (flags & flag.number) (text += text.empty() ? "" : ",") += flag.name;
  }
  return text;
}

std::string tcp_text(const Headers& headers) {
  std::string text = fmt::format(" [{}] seq {}", flags_text(headers.tcp_flags), headers.tcp_seq);
  if (headers.tcp_flags & packet::kAck) text += fmt::format(" ack {}", headers.tcp_ack);
  return text + fmt::format(" win {}", headers.tcp_window);
}

std::string icmp_text(const Headers& headers) {
  const bool is_v6 = headers.protocol == 58;
  if (headers.icmp_type == (is_v6 ? 128 : 8))
    return fmt::format(" echo request id {}", headers.icmp_id);
  if (headers.icmp_type == (is_v6 ? 129 : 0))
    return fmt::format(" echo reply id {}", headers.icmp_id);
  return fmt::format(" type {} code {}", headers.icmp_type, headers.icmp_code);
}

std::string ip_text(const Headers& headers) {
  std::string text =
      fmt::format("{} {} → {}", upper(packet::protocol_name(headers.protocol)),
                  end_of(headers.source, headers.source_port, headers.has_ports()),
                  end_of(headers.destination, headers.destination_port, headers.has_ports()));
  if (headers.is_fragment)
    text += fmt::format(" {} fragment id {}", headers.is_first_fragment ? "first" : "later",
                        headers.ip_id);
  if (!headers.is_transport_whole) return text;
  if (headers.is_tcp()) text += tcp_text(headers);
  if (headers.is_icmp()) text += icmp_text(headers);
  return text;
}

std::string other_text(const Headers& headers, packet::LinkType link) {
  if (headers.ether_type == 0) return fmt::format("link type {}", static_cast<unsigned>(link));
  for (const Named& type : kEtherTypes) {
    if (type.number == headers.ether_type) return type.name;
  }
  return fmt::format("EtherType 0x{:04x}", headers.ether_type);
}

std::string lengths_text(const query::LoggedPacket& logged, const Headers& headers) {
  std::string text =
      fmt::format(" len {} ({} B", headers.payload_bytes, logged.packet.original_bytes);
  if (logged.packet.bytes.size() < logged.packet.original_bytes)
    text += fmt::format(", {} kept", logged.packet.bytes.size());
  return text + ")";
}

std::string who_text(const query::LoggedPacket& logged) {
  if (!logged.packet.pid) return "-";
  if (!logged.process) return fmt::format("? {}", *logged.packet.pid);
  const packet::ProcessInfo& process = *logged.process;
  const auto identity = query::identity_of(process);
  const std::string name =
      process.name.empty() ? process.path.substr(process.path.rfind('/') + 1) : process.name;
  return printable(fmt::format("{} {}", name.empty() ? "?" : name,
                               identity.empty() ? std::to_string(process.pid) : identity));
}

std::string request_head(const query::Request& request) {
  switch (request.kind) {
    case event::Kind::Http: return request.verb;
    case event::Kind::HttpResponse: return "HTTP " + request.result;
    case event::Kind::Tls: return "TLS";
    case event::Kind::Quic: return "QUIC";
    default: return "DNS " + request.verb;
  }
}

std::string request_text(const query::Request& request) {
  std::string text = request_head(request) + " " + request.name;
  if (request.kind == event::Kind::DnsAnswer) text += " = " + request.result;
  // Which page a browser was on is what tells a typed post from one that a page made.
  for (const char* key : {"origin", "referer"})
    if (const auto value = request.field(key); !value.empty())
      text += fmt::format(" ({} {})", key, value);
  return printable(text);
}

/// Of a request whose body was asked for, a line of its own.
std::string body_text(const query::Request& request) {
  const auto body = request.field("body");
  if (body.empty()) return "";
  return fmt::format("{:19}body  {}{}", "", printable(body),
                     request.field("body_cut").empty() ? "" : " …");
}

std::string_view direction_text(packet::Direction direction) {
  switch (direction) {
    case packet::Direction::In: return "in";
    case packet::Direction::Out: return "out";
    case packet::Direction::Unknown: break;
  }
  return "";
}

/// "02:48:11.123456789"
std::string precise_time(WallNs time, Zone zone) {
  return time_of_day(time, zone) +
         fmt::format("{:06}", ((time.ns % 1'000'000) + 1'000'000) % 1'000'000);
}

std::string padded(std::string text, std::size_t columns) {
  const std::size_t width = width_of(text);
  if (width < columns) text.append(columns - width, ' ');
  return text;
}

Ink ink_of(const Headers& headers) {
  if (headers.is_tcp() && (headers.tcp_flags & packet::kRst)) return Ink::Bad;
  if (headers.is_tcp() && (headers.tcp_flags & (packet::kSyn | packet::kFin))) return Ink::Strong;
  return Ink::Plain;
}

}  // namespace

std::string PacketLines::next(const PacketView& view) {
  const packet::Packet& packet = view.logged.packet;
  std::string out;
  if (std::string day = date(packet.time, style_.zone); day != day_) {
    day_ = std::move(day);
    const char* zone = style_.zone == Zone::Utc ? "UTC" : "local time";
    out += style_.paint(Ink::Strong, fmt::format("{} ({})", day_, zone)) + "\n";
  }
  const std::string interface = printable(view.logged.interface.name);
  if (packet.dropped != 0)
    out += style_.paint(Ink::Bad, fmt::format("-- {} LOST before this{}{} --",
                                              count_text(packet.dropped, "packet"),
                                              interface.empty() ? "" : " on ", interface)) +
           "\n";
  const Headers& headers = view.headers;
  std::string line = fmt::format(
      "{} {} {:3} {} {}", style_.paint(Ink::Dim, precise_time(packet.time, style_.zone)),
      padded(interface, kInterfaceColumns), direction_text(packet.direction),
      style_.paint(view.logged.process ? Ink::Good : Ink::Dim,
                   padded(who_text(view.logged), kWhoColumns)),
      style_.paint(ink_of(headers),
                   headers.is_ip ? ip_text(headers) : other_text(headers, packet.link)));
  line += lengths_text(view.logged, headers);
  if (const auto mark = packet::find_mark(headers))
    line += " " + style_.paint(Ink::Bad, "mark=" + to_text(*mark, names_));
  if (const auto grade = query::word_of(packet.comment, "grade");
      !grade.empty() && grade != "proven")
    line += " " + style_.paint(Ink::Warn, printable(fmt::format("[{}]", grade)));
  if (view.request) line += "  " + style_.paint(Ink::Accent, request_text(*view.request));
  out += line_of(line, style_.columns);
  const std::string body = view.request ? body_text(*view.request) : "";
  return body.empty() ? out : out + line_of(body, style_.columns);
}

}  // namespace alibi::report
