#include "store/record_keys.hpp"

#include <algorithm>

namespace alibi::store {

bool is_life_kind(event::Kind kind) {
  using event::Kind;
  return kind == Kind::Fork || kind == Kind::Exec || kind == Kind::Process || kind == Kind::Image ||
         kind == Kind::Exit;
}

std::string plain_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string plain(name);
  std::ranges::transform(plain, plain.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return plain;
}

}  // namespace alibi::store
