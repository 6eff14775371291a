#include "cli/kind_argument.hpp"

#include <fmt/format.h>

#include <vector>

#include "cli/nearest.hpp"

namespace alibi::cli {
namespace {

std::vector<std::string> kind_names() {
  return {
#define KIND(identifier, name, group, hook, meaning) name,
#include "event/kinds.def"
#undef KIND
  };
}

}  // namespace

Result<event::Kind> kind_argument(const std::string& text) {
  if (const auto kind = event::parse_kind(text)) return *kind;
  const std::string nearest = nearest_word(text, kind_names());
  return fail(Errc::Usage, fmt::format("--kind: there is no kind '{}'{}; docs: alibi-show(1)", text,
                                       nearest.empty() ? "" : ", did you mean '" + nearest + "'"));
}

}  // namespace alibi::cli
