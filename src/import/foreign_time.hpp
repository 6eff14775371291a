#pragma once
// Times as other systems write them: "2020-08-06 15:56:04.580",
// "2022-05-13T08:54:05.1230000Z", "1652292622.006". Pure, any thread.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace alibi::import {

/// As if the clock that wrote it had shown UTC; a stated zone ("+02:00") is
/// taken into account. Empty: no time.
[[nodiscard]] std::optional<WallNs> parse_foreign_time(std::string_view text);

}  // namespace alibi::import
