#include "event/process_key.hpp"

#include "event/number.hpp"

namespace alibi::event {

std::string to_text(ProcessKey key) {
  std::string text;
  append_number(text, key.pid);
  text += '@';
  append_number(text, key.start_us);
  return text;
}

std::optional<ProcessKey> parse_process_key(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const auto pid = parse_number<std::uint32_t>(text.substr(0, at));
  const auto start = parse_number<std::uint64_t>(text.substr(at + 1));
  if (!pid || !start) return std::nullopt;
  return ProcessKey{.start_us = *start, .pid = *pid};
}

}  // namespace alibi::event
