#include "report/style.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>

namespace alibi::report {
namespace {

constexpr std::string_view kReset = "\x1b[0m";

std::string_view code_of(Ink ink) {
  switch (ink) {
    case Ink::Plain: return "";
    case Ink::Strong: return "\x1b[1m";
    case Ink::Dim: return "\x1b[2m";
    case Ink::Good: return "\x1b[32m";
    case Ink::Warn: return "\x1b[33m";
    case Ink::Bad: return "\x1b[31m";
    case Ink::Accent: return "\x1b[36m";
  }
  return "";
}

struct Character {
  std::uint32_t point = 0;
  std::size_t bytes = 0;  ///< 0: not UTF-8
};

Character decode(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  std::uint32_t point = lead & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return {};
    point = point << 6 | (byte & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[bytes] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
    return {};
  return {point, bytes};
}

bool is_control(std::uint32_t point) { return point < 0x20 || (point >= 0x7f && point < 0xa0); }

/// Zero width and direction marks, line and paragraph separators, tags.
bool is_deceptive(std::uint32_t point) {
  return point == 0xad || point == 0x61c || (point >= 0x200b && point <= 0x200f) ||
         (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x2069) ||
         point == 0xfeff || (point >= 0xe0000 && point <= 0xe007f);
}

/// Length of the colour code at the head of `text`, 0 where there is none.
std::size_t colour_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find('m');
  return end == std::string_view::npos ? 0 : end + 1;
}

std::size_t step_of(std::string_view text) {
  const Character character = decode(text);
  return character.bytes == 0 ? 1 : character.bytes;
}

std::tm broken_down(WallNs time, Zone zone) {
  std::int64_t seconds = time.ns / 1'000'000'000;
  if (time.ns % 1'000'000'000 < 0) --seconds;
  const auto value = static_cast<std::time_t>(seconds);
  std::tm parts{};
  zone == Zone::Local ? ::localtime_r(&value, &parts) : ::gmtime_r(&value, &parts);
  return parts;
}

std::int64_t millisecond(WallNs time) {
  const std::int64_t ns = time.ns % 1'000'000'000;
  return (ns < 0 ? ns + 1'000'000'000 : ns) / 1'000'000;
}

}  // namespace

std::string Style::paint(Ink ink, std::string_view text) const {
  if (!has_colour || ink == Ink::Plain || text.empty()) return std::string(text);
  return fmt::format("{}{}{}", code_of(ink), text, kReset);
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = decode(text);
    const std::size_t bytes = character.bytes == 0 ? 1 : character.bytes;
    if (character.bytes == 0 || character.point < 0x20 || character.point == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (is_control(character.point) || is_deceptive(character.point)) {
      out += fmt::format("\\u{{{:04x}}}", character.point);
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return out;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t colour = colour_length(text);
    width += colour == 0 ? 1 : 0;
    text.remove_prefix(colour != 0 ? colour : step_of(text));
  }
  return width;
}

std::string cut(std::string_view text, std::size_t columns) {
  if (columns == 0 || width_of(text) <= columns) return std::string(text);
  std::string out;
  bool has_colour = false;
  std::size_t width = 0;
  while (!text.empty() && width + 1 < columns) {
    const std::size_t colour = colour_length(text);
    const std::size_t bytes = colour != 0 ? colour : step_of(text);
    has_colour |= colour != 0;
    width += colour == 0 ? 1 : 0;
    out += text.substr(0, bytes);
    text.remove_prefix(bytes);
  }
  out += "…";
  if (has_colour) out += kReset;
  return out;
}

std::string line_of(std::string text, std::size_t columns) {
  while (text.ends_with(' '))
    text.pop_back();
  return cut(text, columns) + "\n";
}

std::string date_time(WallNs time, Zone zone) {
  const std::tm parts = broken_down(time, zone);
  std::string suffix = "Z";
  if (zone == Zone::Local) {
    const long minutes = parts.tm_gmtoff / 60;
    suffix = fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                         std::abs(minutes) % 60);
  }
  return fmt::format("{} {}{}", date(time, zone), time_of_day(time, zone), suffix);
}

std::string date(WallNs time, Zone zone) {
  const std::tm parts = broken_down(time, zone);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string time_of_day(WallNs time, Zone zone) {
  const std::tm parts = broken_down(time, zone);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", parts.tm_hour, parts.tm_min, parts.tm_sec,
                     millisecond(time));
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string duration_text(std::int64_t ns) {
  const double seconds = static_cast<double>(ns) / 1e9;
  if (seconds < 1e-3) return fmt::format("{:.0f} µs", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace alibi::report
