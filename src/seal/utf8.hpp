#pragma once
// Strict UTF-8 (RFC 3629) of notes and the names in them. Thread: any.

#include <string_view>

namespace alibi::seal {

/// No byte that is no part of a character, no overlong form, no surrogate.
[[nodiscard]] bool is_utf8(std::string_view text);
/// A name of a key as C2SP signed-note wants it: not empty, UTF-8, no white space
/// of Unicode, no plus sign; and no control byte.
[[nodiscard]] bool is_key_name(std::string_view text);

}  // namespace alibi::seal
