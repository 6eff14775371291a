#include "import/draft.hpp"

#include <algorithm>
#include <charconv>

#include "import/foreign_time.hpp"

namespace alibi::import {
namespace {

using event::Direction;
using event::Kind;

constexpr std::string_view kUnknown = "<unknown process>";

/// Decimal, or hexadecimal with 0x as Security writes process ids.
std::optional<std::uint32_t> number_of(std::string_view text) {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  if (is_hex) text.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, is_hex ? 16 : 10);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string guid_of(std::string_view text) {
  const bool is_zero = std::ranges::all_of(
      text, [](char c) { return c == '0' || c == '-' || c == '{' || c == '}'; });
  std::string guid(is_zero ? std::string_view{} : text);
  std::ranges::transform(guid, guid.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return guid;
}

Mention mention(const ForeignEvent& event, const char* pid, const char* guid, const char* image) {
  Mention who{.pid = number_of(event.get(pid)).value_or(0), .guid = guid_of(event.get(guid))};
  const auto path = event.get(image);
  if (path != kUnknown && path != "?") who.image = path;
  return who;
}

std::optional<event::Endpoint> endpoint(std::string_view address, std::string_view port) {
  const auto parsed = event::parse_address(address.substr(0, address.find('%')));
  if (!parsed) return std::nullopt;
  const auto number = number_of(port);
  if (number && *number > 65535) return std::nullopt;
  event::Endpoint end{.address = *parsed};
  if (number) end.port = static_cast<std::uint16_t>(*number);
  return end;
}

void add_extra(Draft& draft, const char* key, std::string_view value) {
  if (!value.empty()) draft.record.extra.emplace_back(key, value);
}

/// SHA256= out of "SHA1=...,MD5=...,SHA256=...".
std::string sha256_of(std::string_view hashes) {
  constexpr std::string_view kName = "SHA256=";
  const auto at = hashes.find(kName);
  if (at == std::string_view::npos) return {};
  hashes.remove_prefix(at + kName.size());
  std::string hex(hashes.substr(0, hashes.find(',')));
  std::ranges::transform(hex, hex.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return hex;
}

void fill_exec(Draft& draft, const ForeignEvent& event, std::string_view command_line) {
  draft.record.kind = Kind::Exec;
  draft.record.exe = draft.process.image;
  draft.record.args = split_command_line(command_line);
  add_extra(draft, "command_line", command_line);
  add_extra(draft, "cwd", event.get("CurrentDirectory"));
  add_extra(draft, "sha256", sha256_of(event.get("Hashes")));
}

Status fill_sysmon_flow(Draft& draft, const ForeignEvent& event) {
  const auto source = endpoint(event.get("SourceIp"), event.get("SourcePort"));
  const auto destination = endpoint(event.get("DestinationIp"), event.get("DestinationPort"));
  if (!source || !destination) return fail(Errc::Corrupt, "a connection without its addresses");
  const bool is_out = event.get("Initiated") == "true";
  draft.record.kind = Kind::FlowOpen;
  draft.record.proto = event.get("Protocol");
  draft.record.local = is_out ? source : destination;
  draft.record.remote = is_out ? destination : source;
  draft.record.direction = is_out ? Direction::Out : Direction::In;
  draft.record.name = event.get(is_out ? "DestinationHostname" : "SourceHostname");
  draft.local_name = event.get(is_out ? "SourceHostname" : "DestinationHostname");
  return {};
}

void fill_sysmon_dns(Draft& draft, const ForeignEvent& event) {
  draft.record.kind = Kind::DnsQuery;
  draft.record.name = event.get("QueryName");
  add_extra(draft, "answers", event.get("QueryResults"));
  add_extra(draft, "status", event.get("QueryStatus"));
}

Result<Draft> from_sysmon(const ForeignEvent& event) {
  Draft draft;
  const auto time = parse_foreign_time(event.get("UtcTime"));
  if (!time) return fail(Errc::Unsupported, "Sysmon events without UtcTime");
  draft.record.time = *time;
  draft.process = mention(event, "ProcessId", "ProcessGuid", "Image");
  draft.record.user = event.get("User");
  draft.record.via = "sysmon:" + std::to_string(event.id);
  switch (event.id) {
    case 1:
      draft.parent = mention(event, "ParentProcessId", "ParentProcessGuid", "ParentImage");
      if (!draft.parent.image.empty())
        draft.parent_args = split_command_line(event.get("ParentCommandLine"));
      fill_exec(draft, event, event.get("CommandLine"));
      break;
    case 3:
      if (auto done = fill_sysmon_flow(draft, event); !done) return std::unexpected(done.error());
      break;
    case 5: draft.record.kind = Kind::Exit; break;
    case 22: fill_sysmon_dns(draft, event); break;
    default:
      if (draft.process.guid.empty())
        return fail(Errc::Unsupported, "Sysmon events of kinds that are not imported");
  }
  if (draft.process.pid == 0 && draft.process.guid.empty())
    return fail(Errc::Corrupt, "a Sysmon event without a process");
  return draft;
}

std::string protocol_name(std::string_view number) {
  if (number == "6") return "tcp";
  if (number == "17") return "udp";
  if (number == "1") return "icmp";
  if (number == "58") return "icmp6";
  return std::string(number);
}

/// Which side is this host's is decided later, from all its events.
Status fill_security_flow(Draft& draft, const ForeignEvent& event) {
  auto source = endpoint(event.get("SourceAddress"), event.get("SourcePort"));
  auto destination = endpoint(event.get("DestAddress"), event.get("DestPort"));
  if (!source || !destination) return fail(Errc::Corrupt, "a connection without its addresses");
  draft.record.kind = Kind::FlowOpen;
  draft.record.proto = protocol_name(event.get("Protocol"));
  if (draft.record.proto != "tcp" && draft.record.proto != "udp") {
    source->port.reset();
    destination->port.reset();
  }
  const auto direction = event.get("Direction");
  const bool is_in = direction == "%%14592" || direction == "Inbound";
  draft.record.direction = is_in ? Direction::In : Direction::Out;
  draft.record.local = is_in ? destination : source;
  draft.record.remote = is_in ? source : destination;
  // The name differs between the versions of the event.
  const char* pid = event.get("ProcessID").empty() ? "ProcessId" : "ProcessID";
  draft.process = mention(event, pid, "", "Application");
  return {};
}

void fill_security_exec(Draft& draft, const ForeignEvent& event) {
  draft.process = mention(event, "NewProcessId", "", "NewProcessName");
  draft.parent = mention(event, "ProcessId", "", "ParentProcessName");
  const bool has_target = !event.get("TargetUserName").empty();
  const auto domain = event.get(has_target ? "TargetDomainName" : "SubjectDomainName");
  const auto name = event.get(has_target ? "TargetUserName" : "SubjectUserName");
  draft.record.user = domain.empty() ? std::string(name) : std::string(domain) + "\\";
  if (!domain.empty()) draft.record.user += name;
  fill_exec(draft, event, event.get("CommandLine"));
}

Result<Draft> from_security(const ForeignEvent& event) {
  Draft draft{.is_zone_unknown = true};
  if (event.id != 5156 && event.id != 4688 && event.id != 4689)
    return fail(Errc::Unsupported, "Security events of kinds that are not imported");
  const auto time = parse_foreign_time(event.logged);
  if (!time) return fail(Errc::Corrupt, "a Security event without a time");
  draft.record.time = *time;
  draft.record.via = "security:" + std::to_string(event.id);
  if (event.id == 5156) {
    if (auto done = fill_security_flow(draft, event); !done) return std::unexpected(done.error());
  } else if (event.id == 4688) {
    fill_security_exec(draft, event);
  } else {
    draft.record.kind = Kind::Exit;
    draft.process = mention(event, "ProcessId", "", "ProcessName");
    if (const auto status = number_of(event.get("Status")))
      draft.record.result = std::to_string(*status);
  }
  if (draft.process.pid == 0) return fail(Errc::Unsupported, "Security events of process 0");
  return draft;
}

Result<Draft> from_auoms(const ForeignEvent& event) {
  if (event.id != 1) return fail(Errc::Unsupported, "auoms events of kinds that are not imported");
  if (event.get("success") != "yes") return fail(Errc::Unsupported, "program starts that failed");
  Draft draft;
  const auto time = parse_foreign_time(event.logged);
  if (!time) return fail(Errc::Corrupt, "an audit record without a time");
  draft.record.time = *time;
  draft.record.via = "auoms:execve";
  draft.record.user = event.get("user");
  draft.process = mention(event, "pid", "", "exe");
  draft.parent = mention(event, "ppid", "", "");
  if (draft.process.pid == 0) return fail(Errc::Corrupt, "an audit record without a process");
  draft.record.kind = Kind::Exec;
  draft.record.exe = draft.process.image;
  draft.record.args = split_command_line(event.get("cmdline"));
  add_extra(draft, "command_line", event.get("cmdline"));
  add_extra(draft, "cwd", event.get("cwd"));
  return draft;
}

Result<Draft> from_provider(const ForeignEvent& event) {
  switch (event.provider) {
    case Provider::Sysmon: return from_sysmon(event);
    case Provider::Security: return from_security(event);
    case Provider::Auoms: return from_auoms(event);
    case Provider::Other: break;
  }
  return fail(Errc::Unsupported, "events of other programs");
}

}  // namespace

std::vector<std::string> split_command_line(std::string_view line) {
  std::vector<std::string> args;
  std::string arg;
  bool is_open = false;  // an argument has begun, perhaps empty
  bool is_quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    std::size_t backslashes = 0;
    while (i < line.size() && line[i] == '\\') {
      ++backslashes;
      ++i;
    }
    const bool is_quote = i < line.size() && line[i] == '"';
    // Before a quote two backslashes mean one, an odd one makes the quote a letter.
    arg.append(is_quote ? backslashes / 2 : backslashes, '\\');
    is_open |= backslashes > 0;
    if (i == line.size()) break;
    if (is_quote && backslashes % 2 == 1) {
      arg += '"';
    } else if (is_quote && is_quoted && i + 1 < line.size() && line[i + 1] == '"') {
      arg += '"';
      ++i;
    } else if (is_quote) {
      is_quoted = !is_quoted;
    } else if (!is_quoted && (line[i] == ' ' || line[i] == '\t')) {
      if (is_open) args.push_back(std::exchange(arg, {}));
      is_open = false;
      continue;
    } else {
      arg += line[i];
    }
    is_open = true;
  }
  if (is_open) args.push_back(std::move(arg));
  return args;
}

Result<Draft> make_draft(const ForeignEvent& event) {
  auto draft = from_provider(event);
  if (!draft) return draft;
  draft->provider = event.provider;
  draft->id = event.id;
  draft->is_recovered = event.is_recovered;
  draft->logged = parse_foreign_time(event.logged.empty() ? event.collected : event.logged);
  draft->collected = parse_foreign_time(event.collected);
  add_extra(*draft, "host", event.host);
  add_extra(*draft, "record", event.record);
  add_extra(*draft, "guid", draft->process.guid);
  if (event.is_cut) add_extra(*draft, "cut", "yes");
  if (event.is_recovered) add_extra(*draft, "recovered", "yes");
  return draft;
}

}  // namespace alibi::import
