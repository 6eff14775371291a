#pragma once
// Bytes as text and back, strictly: what is not the one canonical form is refused.
// base64 and base64url of RFC 4648 sections 4 and 5. Thread: any.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace alibi::seal {

[[nodiscard]] std::string to_base64(std::string_view bytes);
void append_base64(std::string& to, std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);
/// Without padding.
[[nodiscard]] std::string to_base64url(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);
/// Lower-case.
[[nodiscard]] std::string to_hex(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_hex(std::string_view text);

void append_u32be(std::string& to, std::uint32_t value);
void append_u64be(std::string& to, std::uint64_t value);

/// From the kernel; blocks never. `count` at most 256.
[[nodiscard]] std::string random_bytes(std::size_t count);

}  // namespace alibi::seal
