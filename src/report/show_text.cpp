// Text of `alibi show`: one line per record.

#include <fmt/format.h>

#include "event/csv.hpp"
#include "report/text.hpp"

namespace alibi::report {
namespace {

using event::Kind;
using event::Record;

constexpr std::size_t kKindColumns = 14;
constexpr std::size_t kWhoColumns = 22;

Ink ink_of(const Record& record) {
  switch (record.kind) {
    case Kind::Loss:
    case Kind::Fault: return Ink::Bad;
    case Kind::Recovery:
    case Kind::Retention:
    case Kind::ExecFail:
    case Kind::Signal:
    case Kind::Ptrace:
    case Kind::KernelModule:
    case Kind::BpfProgram: return Ink::Warn;
    case Kind::Sensor: return record.result == "ok" ? Ink::Dim : Ink::Warn;
    case Kind::Exec: return Ink::Good;
    case Kind::FlowOpen:
    case Kind::FlowUpdate:
    case Kind::FlowClose:
    case Kind::Listen:
    case Kind::Socket:
    case Kind::SocketUse:
    case Kind::DnsQuery:
    case Kind::DnsAnswer:
    case Kind::Http:
    case Kind::HttpResponse:
    case Kind::Tls:
    case Kind::TlsCertificate:
    case Kind::Quic: return Ink::Accent;
    default: return Ink::Dim;
  }
}

std::string who_of(const Record& record) {
  if (!record.process) return "";
  const std::string base = printable(record.exe.substr(record.exe.rfind('/') + 1));
  return base.empty() ? std::to_string(record.process->pid)
                      : fmt::format("{} {}", record.process->pid, base);
}

void add(std::string& out, std::string_view text) {
  if (text.empty()) return;
  if (!out.empty()) out += ' ';
  out += text;
}

std::string extra_of(const Record& record) {
  std::string out;
  for (const auto& [key, value] : record.extra)
    add(out, printable(fmt::format("{}={}", key, value)));
  return out;
}

std::string ends_text(const Record& record) {
  const char* arrow = record.direction == event::Direction::Out  ? "→"
                      : record.direction == event::Direction::In ? "←"
                                                                 : "↔";
  std::string out = printable(record.proto);
  if (record.local) add(out, to_text(*record.local));
  if (record.remote) add(out, fmt::format("{} {}", arrow, to_text(*record.remote)));
  return out;
}

std::string flow_text(const Record& record) {
  std::string out = ends_text(record);
  if (!record.name.empty()) add(out, fmt::format("({})", printable(record.name)));
  add(out, printable(record.result));
  if (record.bytes_out || record.bytes_in) {
    add(out, fmt::format("{} out, {} in", bytes_text(record.bytes_out.value_or(0)),
                         bytes_text(record.bytes_in.value_or(0))));
  }
  if (record.grade != event::Grade::None && record.grade != event::Grade::Proven) {
    add(out, fmt::format("[{}]", to_text(record.grade)));
  }
  return out;
}

std::string name_text(const Record& record) {
  std::string out = printable(record.name);
  add(out, printable(record.find_extra("type")));
  if (record.kind == Kind::DnsQuery) return out;
  if (!record.result.empty() && record.result != "NOERROR") add(out, printable(record.result));
  if (const auto answers = record.find_extra("answers"); !answers.empty())
    add(out, "= " + printable(answers));
  return out;
}

/// "POST http://board.test/ from http://page.test/ → 192.0.2.7:80".
std::string request_text(const Record& record) {
  std::string out = printable(record.find_extra("method"));
  add(out, printable(record.name));
  if (const auto page = record.find_extra("referer"); !page.empty())
    add(out, "from " + printable(page));
  add(out, printable(record.result));
  add(out, ends_text(record));
  return out;
}

std::string exit_text(const Record& record) {
  std::string out = "exit " + printable(record.result);
  if (const auto count = record.find_extra("records"); !count.empty())
    add(out, fmt::format("after {} records", printable(count)));
  return out;
}

std::string image_text(const Record& record) {
  std::string out = printable(record.name);
  if (const auto package = record.find_extra("package"); !package.empty()) {
    add(out, printable(fmt::format("[{} {}]", package, record.find_extra("version"))));
  }
  add(out, "sha256 " + printable(record.find_extra("sha256")));
  return out;
}

std::string other_text(const Record& record) {
  std::string out = printable(record.name);
  if (record.local || record.remote || !record.proto.empty()) add(out, ends_text(record));
  add(out, printable(record.result));
  add(out, extra_of(record));
  return out;
}

std::string summary_of(const Record& record) {
  switch (record.kind) {
    case Kind::Process:
    case Kind::Exec: return record.args.empty() ? printable(record.exe) : command_of(record.args);
    case Kind::Fork: return record.parent ? fmt::format("by {}", record.parent->pid) : "";
    case Kind::Exit: return exit_text(record);
    case Kind::FlowOpen:
    case Kind::FlowUpdate:
    case Kind::FlowClose:
    case Kind::SocketUse:
    case Kind::Listen: return flow_text(record);
    case Kind::DnsQuery:
    case Kind::DnsAnswer: return name_text(record);
    case Kind::Http:
    case Kind::HttpResponse:
    case Kind::Tls:
    case Kind::Quic: return request_text(record);
    case Kind::Image: return image_text(record);
    case Kind::Loss:
      return fmt::format("{} LOST: {}", printable(record.find_extra("count")),
                         printable(record.result));
    default: return other_text(record);
  }
}

std::string padded(std::string text, std::size_t columns) {
  text = cut(text, columns);
  const std::size_t width = width_of(text);
  if (width < columns) text.append(columns - width, ' ');
  return text;
}

}  // namespace

std::string RecordLines::next(const Record& record) {
  std::string out;
  if (std::string day = date(record.time, style_.zone); day != day_) {
    day_ = std::move(day);
    const char* zone = style_.zone == Zone::Utc ? "UTC" : "local time";
    out += style_.paint(Ink::Strong, fmt::format("{} ({})", day_, zone)) + "\n";
  }
  const std::string line = fmt::format(
      "{} {} {} {}", style_.paint(Ink::Dim, time_of_day(record.time, style_.zone)),
      style_.paint(ink_of(record), padded(std::string(event::to_text(record.kind)), kKindColumns)),
      padded(who_of(record), kWhoColumns), summary_of(record));
  return out + line_of(line, style_.columns);
}

}  // namespace alibi::report
