#pragma once
// How text for eyes looks: colours, width, time zone; and the one way by which
// bytes from a log reach a terminal.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace alibi::report {

enum class Ink : std::uint8_t { Plain, Strong, Dim, Good, Warn, Bad, Accent };
enum class Zone : std::uint8_t { Utc, Local };

struct Style {
  bool has_colour = false;
  std::size_t columns = 0;            ///< cut lines of lists there; 0: never
  std::size_t command_columns = 100;  ///< cut command lines of relatives there; 0: never
  Zone zone = Zone::Utc;

  [[nodiscard]] std::string paint(Ink ink, std::string_view text) const;
};

/// Text from the log with everything made visible that could move the cursor,
/// change colours or reorder what is read: control bytes and bytes that are not
/// UTF-8 as \xNN, direction marks as \u{NNNN}.
[[nodiscard]] std::string printable(std::string_view text);

/// Columns the text takes on a terminal, colour codes not counted.
[[nodiscard]] std::size_t width_of(std::string_view text);

/// At most `columns` wide, the cut shown by an ellipsis; colour codes survive.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns);

/// cut(), without blanks at the end, with a line end.
[[nodiscard]] std::string line_of(std::string text, std::size_t columns);

/// "2026-11-22 02:48:11.123Z", or with the zone's offset.
[[nodiscard]] std::string date_time(WallNs time, Zone zone);
[[nodiscard]] std::string date(WallNs time, Zone zone);         ///< "2026-11-22"
[[nodiscard]] std::string time_of_day(WallNs time, Zone zone);  ///< "02:48:11.123"

[[nodiscard]] std::string bytes_text(std::uint64_t bytes);  ///< "0 B", "1.4 KiB"
[[nodiscard]] std::string duration_text(std::int64_t ns);   ///< "0.3 ms", "2 h 5 min"
[[nodiscard]] std::string count_text(std::uint64_t count,
                                     std::string_view noun);  ///< "1 flow", "2 flows"

}  // namespace alibi::report
