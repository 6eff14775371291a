#pragma once
// The known word a person most likely meant.

#include <string>
#include <vector>

namespace alibi::cli {

/// By edit distance; empty when nothing is near enough.
[[nodiscard]] std::string nearest_word(const std::string& wrong,
                                       const std::vector<std::string>& known);

}  // namespace alibi::cli
