#pragma once
// Decimal numbers as they stand in the log: digits only, no sign, no leading
// zeros, so that one value has one text. Pure, any thread.

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

namespace alibi::event {

template <std::unsigned_integral T>
void append_number(std::string& out, T value, int base = 10) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, base).ptr;
  out.append(digits, end);
}

/// Empty when `text` is not exactly one canonical decimal number that fits T.
template <std::unsigned_integral T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace alibi::event
