#pragma once
// Sizes and durations as people write them in a configuration.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace alibi::cli {

/// "64MiB", "10GiB", "4096", "1MB" (decimal); empty when it is none.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
/// In the largest binary unit that divides it.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// "500ms", "90s", "30min", "12h", "1d"; empty when it is none.
[[nodiscard]] std::optional<std::uint64_t> parse_duration_ms(std::string_view text);
[[nodiscard]] std::string duration_ms_text(std::uint64_t ms);

}  // namespace alibi::cli
