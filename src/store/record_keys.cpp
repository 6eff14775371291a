#include "store/record_keys.hpp"

namespace alibi::store {

bool is_life_kind(event::Kind kind) {
  using event::Kind;
  return kind == Kind::Fork || kind == Kind::Exec || kind == Kind::Process || kind == Kind::Image ||
         kind == Kind::Exit;
}

}  // namespace alibi::store
