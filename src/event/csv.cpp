#include "event/csv.hpp"

#include <array>
#include <cstring>
#include <span>

#include "event/number.hpp"

namespace alibi::event {
namespace {

// ---- bytes that cannot stand in a field as they are -------------------------

enum class ByteClass : std::uint8_t { Plain, Comma, Escape, Multibyte };

constexpr std::array<ByteClass, 256> kByteClass = [] {
  std::array<ByteClass, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    if (byte < 0x20 || byte == 0x7f || byte == '\\' || byte == '"') table[byte] = ByteClass::Escape;
    if (byte >= 0x80) table[byte] = ByteClass::Multibyte;
  }
  table[','] = ByteClass::Comma;
  return table;
}();

ByteClass class_of(char byte) { return kByteClass[static_cast<unsigned char>(byte)]; }

/// Characters that end a line, move the cursor or reorder text on a terminal
/// although they are valid UTF-8: C1 controls, line and paragraph separator,
/// bidirectional marks.
bool is_deceptive(std::uint32_t point) {
  return point < 0xa0 || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0x200e || point == 0x200f ||
         point == 0xfeff;
}

/// Length of the UTF-8 character at the head of `bytes` when it may stand in a
/// field as it is, else 0.
std::size_t printable_multibyte(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() < length) return 0;
  std::uint32_t point = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if ((byte & 0xc0) != 0x80) return 0;
    point = point << 6 | (byte & 0x3f);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
    return 0;
  return is_deceptive(point) ? 0 : length;
}

void append_escaped_byte(std::string& out, char byte) {
  constexpr char kHex[] = "0123456789abcdef";
  if (byte == '\\') {
    out += "\\\\";
    return;
  }
  const auto value = static_cast<unsigned char>(byte);
  const char escape[] = {'\\', 'x', kHex[value >> 4], kHex[value & 15]};
  out.append(escape, sizeof escape);
}

bool opens_formula(char byte) { return byte == '=' || byte == '+' || byte == '-' || byte == '@'; }

void append_field(std::string& out, std::string_view bytes) {
  if (bytes.empty()) return;
  const bool quote = bytes.find(',') != std::string_view::npos;
  if (quote) out += '"';
  std::size_t done = 0;
  std::size_t at = 0;
  const auto escape_one = [&] {
    out.append(bytes, done, at - done);
    append_escaped_byte(out, bytes[at]);
    done = ++at;
  };
  if (opens_formula(bytes[0])) escape_one();
  while (at < bytes.size()) {
    const ByteClass kind = class_of(bytes[at]);
    if (kind == ByteClass::Plain || kind == ByteClass::Comma) {
      ++at;
    } else if (const std::size_t length =
                   kind == ByteClass::Multibyte ? printable_multibyte(bytes.substr(at)) : 0) {
      at += length;
    } else {
      escape_one();
    }
  }
  out.append(bytes, done);
  if (quote) out += '"';
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

/// Two hexadecimal digits at `at`, or -1.
int hex_byte(std::string_view text, std::size_t at) {
  if (at + 2 > text.size()) return -1;
  const int high = hex_value(text[at]);
  const int low = hex_value(text[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool unescape(std::string_view text, std::string& bytes) {
  bytes.clear();
  while (true) {
    const auto backslash = text.find('\\');
    bytes.append(text, 0, backslash);
    if (backslash == std::string_view::npos) return true;
    if (backslash + 1 == text.size()) return false;
    const char letter = text[backslash + 1];
    if (letter == '\\') {
      bytes += '\\';
      text.remove_prefix(backslash + 2);
      continue;
    }
    const int value = letter == 'x' ? hex_byte(text, backslash + 2) : -1;
    if (value < 0) return false;
    bytes += static_cast<char>(value);
    text.remove_prefix(backslash + 4);
  }
}

// ---- extra ------------------------------------------------------------------

void append_percent(std::string& out, std::string_view value) {
  for (const char byte : value) {
    if (byte == ' ') {
      out += "%20";
    } else if (byte == '%') {
      out += "%25";
    } else {
      out += byte;
    }
  }
}

bool is_key_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
}

std::string extra_text(const Record& record) {
  std::string text;
  for (const auto& [key, value] : record.extra) {
    if (!text.empty()) text += ' ';
    for (const char byte : key)
      text += is_key_byte(byte) ? byte : '_';
    text += '=';
    append_percent(text, value);
  }
  if (record.source.ring != 0) {
    if (!text.empty()) text += ' ';
    text += "src=";
    text += to_text(record.source);
  }
  return text;
}

bool parse_pair(std::string_view text, std::string& key, std::string& value) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  key = text.substr(0, equals);
  for (const char byte : key) {
    if (!is_key_byte(byte)) return false;
  }
  value.clear();
  for (std::size_t at = equals + 1; at < text.size(); ++at) {
    if (text[at] != '%') {
      value += text[at];
      continue;
    }
    const int byte = hex_byte(text, at + 1);
    if (byte < 0) return false;
    value += static_cast<char>(byte);
    at += 2;
  }
  return true;
}

bool parse_extra(std::string_view text, Record& record) {
  std::string key;
  std::string value;
  while (!text.empty()) {
    const auto space = text.find(' ');
    if (!parse_pair(text.substr(0, space), key, value)) return false;
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    if (text.empty() && space != std::string_view::npos) return false;
    if (text.empty() && key == "src") {
      const auto source = parse_source(value);
      if (source) record.source = *source;
      return source.has_value();
    }
    record.extra.emplace_back(std::move(key), std::move(value));
  }
  return true;
}

// ---- one put_ and one get_ for each line of columns.def ---------------------

template <typename T>
bool assign(const std::optional<T>& parsed, T& to) {
  if (parsed) to = *parsed;
  return parsed.has_value();
}

template <typename T>
bool assign_optional(std::string_view text, std::optional<T> (*parse)(std::string_view),
                     std::optional<T>& to) {
  if (text.empty()) return true;
  to = parse(text);
  return to.has_value();
}

bool assign_text(std::string_view text, std::string& to) {
  to = text;
  return true;
}

void put_key(std::string& out, const std::optional<ProcessKey>& key) {
  if (!key) return;
  append_number(out, key->pid);
  out += '@';
  append_number(out, key->start_us);
}

void put_seq(std::string& out, const Record& r) { append_number(out, r.seq); }
bool get_seq(std::string_view text, Record& r) {
  return assign(parse_number<std::uint64_t>(text), r.seq);
}

void put_time(std::string& out, const Record& r) { out += to_text(r.time); }
bool get_time(std::string_view text, Record& r) { return assign(parse_time(text), r.time); }

void put_boot_ns(std::string& out, const Record& r) { append_number(out, r.boot.ns); }
bool get_boot_ns(std::string_view text, Record& r) {
  return assign(parse_number<std::uint64_t>(text), r.boot.ns);
}

void put_kind(std::string& out, const Record& r) { out += to_text(r.kind); }
bool get_kind(std::string_view text, Record& r) { return assign(parse_kind(text), r.kind); }

void put_process(std::string& out, const Record& r) { put_key(out, r.process); }
bool get_process(std::string_view text, Record& r) {
  return assign_optional(text, parse_process_key, r.process);
}

void put_process_seq(std::string& out, const Record& r) {
  if (r.process_seq != 0) append_number(out, r.process_seq);
}
bool get_process_seq(std::string_view text, Record& r) {
  return text.empty() || assign(parse_number<std::uint64_t>(text), r.process_seq);
}

void put_parent(std::string& out, const Record& r) { put_key(out, r.parent); }
bool get_parent(std::string_view text, Record& r) {
  return assign_optional(text, parse_process_key, r.parent);
}

void put_user(std::string& out, const Record& r) { append_field(out, r.user); }
bool get_user(std::string_view text, Record& r) { return assign_text(text, r.user); }

void put_exe(std::string& out, const Record& r) { append_field(out, r.exe); }
bool get_exe(std::string_view text, Record& r) { return assign_text(text, r.exe); }

void put_args(std::string& out, const Record& r) {
  if (!r.args.empty()) append_field(out, quote_args(r.args));
}
bool get_args(std::string_view text, Record& r) {
  auto parsed = parse_args(text);
  if (parsed) r.args = std::move(*parsed);
  return parsed.has_value();
}

void put_flow(std::string& out, const Record& r) { append_field(out, r.flow); }
bool get_flow(std::string_view text, Record& r) { return assign_text(text, r.flow); }

void put_proto(std::string& out, const Record& r) { append_field(out, r.proto); }
bool get_proto(std::string_view text, Record& r) { return assign_text(text, r.proto); }

void put_local(std::string& out, const Record& r) {
  if (r.local) out += to_text(*r.local);
}
bool get_local(std::string_view text, Record& r) {
  return assign_optional(text, parse_endpoint, r.local);
}

void put_remote(std::string& out, const Record& r) {
  if (r.remote) out += to_text(*r.remote);
}
bool get_remote(std::string_view text, Record& r) {
  return assign_optional(text, parse_endpoint, r.remote);
}

void put_direction(std::string& out, const Record& r) { out += to_text(r.direction); }
bool get_direction(std::string_view text, Record& r) {
  return assign(parse_direction(text), r.direction);
}

void put_name(std::string& out, const Record& r) { append_field(out, r.name); }
bool get_name(std::string_view text, Record& r) { return assign_text(text, r.name); }

void put_bytes_out(std::string& out, const Record& r) {
  if (r.bytes_out) append_number(out, *r.bytes_out);
}
bool get_bytes_out(std::string_view text, Record& r) {
  return assign_optional(text, parse_number<std::uint64_t>, r.bytes_out);
}

void put_bytes_in(std::string& out, const Record& r) {
  if (r.bytes_in) append_number(out, *r.bytes_in);
}
bool get_bytes_in(std::string_view text, Record& r) {
  return assign_optional(text, parse_number<std::uint64_t>, r.bytes_in);
}

void put_result(std::string& out, const Record& r) { append_field(out, r.result); }
bool get_result(std::string_view text, Record& r) { return assign_text(text, r.result); }

void put_grade(std::string& out, const Record& r) { out += to_text(r.grade); }
bool get_grade(std::string_view text, Record& r) { return assign(parse_grade(text), r.grade); }

void put_via(std::string& out, const Record& r) { append_field(out, r.via); }
bool get_via(std::string_view text, Record& r) { return assign_text(text, r.via); }

void put_extra(std::string& out, const Record& r) {
  if (!r.extra.empty() || r.source.ring != 0) append_field(out, extra_text(r));
}
bool get_extra(std::string_view text, Record& r) { return parse_extra(text, r); }

struct Column {
  std::string_view name;
  void (*put)(std::string&, const Record&);
  bool (*get)(std::string_view, Record&);
};

constexpr auto kColumns = std::to_array<Column>({
#define COLUMN(name, type, meaning) {#name, put_##name, get_##name},
#include "event/columns.def"
#undef COLUMN
});

// ---- splitting a line -------------------------------------------------------

/// Takes the next field off `line` (the separator too). `storage` is used when
/// the field's bytes differ from its text.
bool take_field(std::string_view& line, bool& more, std::string& storage, std::string_view& field) {
  std::size_t end = 0;
  if (line.starts_with('"')) {
    end = line.find('"', 1);
    if (end == std::string_view::npos) return false;
    field = line.substr(1, end - 1);
    ++end;
    if (end < line.size() && line[end] != ',') return false;
  } else {
    end = line.find(',');
    field = line.substr(0, end);
    if (end == std::string_view::npos) end = line.size();
    if (field.find('"') != std::string_view::npos) return false;
  }
  more = end < line.size();
  line.remove_prefix(more ? end + 1 : end);
  if (field.find('\\') == std::string_view::npos) return true;
  if (!unescape(field, storage)) return false;
  field = storage;
  return true;
}

// ---- args -------------------------------------------------------------------

bool is_bare_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || std::strchr("@%+=:,./-_", byte) != nullptr;
}

bool is_bare(std::string_view argument, bool is_first) {
  for (const char byte : argument) {
    // A first word with = would be an assignment.
    if (byte == '\0' || !is_bare_byte(byte) || (is_first && byte == '=')) return false;
  }
  return !argument.empty();
}

}  // namespace

std::string_view csv_header() {
  static const std::string header = [] {
    std::string line;
    for (const auto& column : kColumns) {
      if (!line.empty()) line += ',';
      line += column.name;
    }
    return line;
  }();
  return header;
}

void append_csv(std::string& out, const Record& record) {
  for (const auto& column : kColumns) {
    column.put(out, record);
    out += ',';
  }
  out.back() = '\n';
}

Result<Record> parse_csv(std::string_view line) {
  Record record;
  std::string storage;
  bool more = true;
  for (const auto& column : kColumns) {
    std::string_view field;
    if (!more) return fail(Errc::Corrupt, "column " + std::string(column.name) + " is missing");
    if (!take_field(line, more, storage, field) || !column.get(field, record)) {
      return fail(Errc::Corrupt, "column " + std::string(column.name) + " does not parse");
    }
  }
  if (more) return fail(Errc::Corrupt, "more columns than " + std::to_string(kColumns.size()));
  return record;
}

std::string quote_args(const std::vector<std::string>& args) {
  std::string text;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (i != 0) text += ' ';
    if (is_bare(args[i], i == 0)) {
      text += args[i];
      continue;
    }
    text += '\'';
    for (const char byte : args[i]) {
      if (byte == '\'') {
        text += "'\\''";
      } else {
        text += byte;
      }
    }
    text += '\'';
  }
  return text;
}

Result<std::vector<std::string>> parse_args(std::string_view text) {
  std::vector<std::string> args;
  if (text.empty()) return args;
  args.emplace_back();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == ' ') {
      args.emplace_back();
    } else if (text[at] == '\\') {
      if (++at == text.size()) return fail(Errc::Corrupt, "arguments end in a backslash");
      args.back() += text[at];
    } else if (text[at] == '\'') {
      const auto close = text.find('\'', at + 1);
      if (close == std::string_view::npos)
        return fail(Errc::Corrupt, "arguments lack a closing quote");
      args.back().append(text, at + 1, close - at - 1);
      at = close;
    } else {
      args.back() += text[at];
    }
  }
  return args;
}

}  // namespace alibi::event
