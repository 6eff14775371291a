#pragma once
// The key of a network, which signs marks of version 2 (docs/marking.md, section
// 3): a file of 32 hexadecimal digits and at most one line end (LF), which is what
// `openssl rand -hex 16` writes. Nothing else is a key, so that no other file is
// taken for one and a key cut short never becomes another key. Sender and gate
// read it here. Thread: any.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "wire/alibi_mark.h"

namespace alibi::mark {

using NetworkKey = std::array<std::uint8_t, ALIBI_MARK_KEY_BYTES>;

[[nodiscard]] std::optional<NetworkKey> parse_network_key(std::string_view text);

/// Errors: NotFound, Denied, Io; Usage where the file holds no key.
[[nodiscard]] Result<NetworkKey> read_network_key(const std::filesystem::path& file);

}  // namespace alibi::mark
