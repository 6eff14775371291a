#pragma once
// The configuration of `alibi record`: TOML, docs/commands.md section 4.
//
// Built-in defaults, then /etc/alibi/alibi.toml, then /etc/alibi/conf.d/*.toml
// in the order of their names; later wins, key by key. Everything is checked
// before anything is recorded: an unknown key or a wrong value is an error that
// names file, line, key and the nearest key there is.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "recorder/recorder.hpp"

namespace alibi::cli {

inline constexpr const char* kConfigFile = "/etc/alibi/alibi.toml";

/// Applies one TOML text on top of `options`. `file` is for messages.
/// Errors: Usage. Bounded: texts over 1 MiB are refused.
Status apply_configuration(recorder::Options& options, std::string_view text,
                           const std::string& file);

/// Defaults, `file`, and the drop-ins in conf.d/ beside it. A missing file is no
/// error when it is the default one. Errors: Usage, NotFound, Denied, Io.
Result<recorder::Options> load_configuration(const std::filesystem::path& file);

/// The whole effective configuration as TOML that apply_configuration() takes.
[[nodiscard]] std::string print_configuration(const recorder::Options& options);

/// Of print_configuration(), lower-case hexadecimal.
[[nodiscard]] std::string configuration_sha256(const recorder::Options& options);

}  // namespace alibi::cli
