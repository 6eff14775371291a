#include "mark/request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <vector>

namespace alibi::mark {
namespace {

using Action = Request::Action;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t end = 0; (end = line.find(' ')) != line.npos; line.remove_prefix(end + 1))
    words.push_back(line.substr(0, end));
  words.push_back(line);  // empty after a blank, which is then not understood
  return words;
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::unexpected<Error> wrong(std::string_view word) {
  return fail(Errc::Usage, fmt::format("'{}' is not understood", word));
}

/// "at=..." or "ttl=...", each once.
bool take_option(std::string_view word, Request& request) {
  auto take = [&](std::string_view key, std::optional<std::uint32_t>& to) {
    if (!word.starts_with(key) || to) return false;
    to = number<std::uint32_t>(word.substr(key.size()));
    return to.has_value();
  };
  return take("at=", request.time_s) || take("ttl=", request.ttl_s);
}

Result<Request> parse_add(std::span<const std::string_view> words) {
  Request request{.action = Action::Add};
  if (words.size() < 2) return fail(Errc::Usage, "add needs a category and a code");
  request.category = number<std::uint8_t>(words[0]);
  request.code = number<std::uint8_t>(words[1]);
  if (!request.category || *request.category == 0) return wrong(words[0]);
  if (!request.code) return wrong(words[1]);
  for (const std::string_view word : words.subspan(2))
    if (!take_option(word, request)) return wrong(word);
  if (request.ttl_s && (*request.ttl_s == 0 || *request.ttl_s > kMaxTtlS))
    return fail(Errc::Usage, "ttl is between one second and ten years");
  return request;
}

Result<Request> parse_delete(std::span<const std::string_view> words) {
  Request request{.action = Action::Delete};
  if (words.empty() || words.size() > 2)
    return fail(Errc::Usage, "del needs a category and maybe a code, or all");
  if (words.size() == 1 && words[0] == "all") return request;
  request.category = number<std::uint8_t>(words[0]);
  if (!request.category) return wrong(words[0]);
  if (words.size() == 2) {
    request.code = number<std::uint8_t>(words[1]);
    if (!request.code) return wrong(words[1]);
  }
  return request;
}

}  // namespace

std::string to_text(const Request& request) {
  switch (request.action) {
    case Action::On: return "on";
    case Action::Off: return "off";
    case Action::List: return "list";
    case Action::Delete: {
      if (!request.category) return "del all";
      std::string text = fmt::format("del {}", *request.category);
      if (request.code) text += fmt::format(" {}", *request.code);
      return text;
    }
    case Action::Add: break;
  }
  std::string text =
      fmt::format("add {} {}", request.category.value_or(0), request.code.value_or(0));
  if (request.time_s) text += fmt::format(" at={}", *request.time_s);
  if (request.ttl_s) text += fmt::format(" ttl={}", *request.ttl_s);
  return text;
}

Result<Request> parse_request(std::string_view line) {
  if (line.size() > kMaxRequestBytes) return fail(Errc::Usage, "the request is too long");
  const auto words = words_of(line);
  if (line.empty()) return fail(Errc::Usage, "the request is empty");
  const std::span rest = std::span(words).subspan(1);
  if (words[0] == "add") return parse_add(rest);
  if (words[0] == "del") return parse_delete(rest);
  if (!rest.empty()) return wrong(rest[0]);
  if (words[0] == "on") return Request{.action = Action::On};
  if (words[0] == "off") return Request{.action = Action::Off};
  if (words[0] == "list") return Request{.action = Action::List};
  return wrong(words[0]);
}

}  // namespace alibi::mark
