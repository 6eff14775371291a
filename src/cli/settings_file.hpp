#pragma once
// Files of settings that an administrator wrote: the configuration, the policy of a
// gate. Thread: any.

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace alibi::cli {

inline constexpr std::size_t kSettingsBytesMax = 1U << 20;

/// The text, at most one byte more than allowed, so that whoever parses it can say
/// that it is too long. Errors: NotFound, Denied, Io.
[[nodiscard]] Result<std::string> read_settings(const std::filesystem::path& path);

}  // namespace alibi::cli
