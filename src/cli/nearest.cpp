#include "cli/nearest.hpp"

#include <algorithm>
#include <numeric>

namespace alibi::cli {
namespace {

std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_word(const std::string& wrong, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t least = std::max<std::size_t>(1, wrong.size() / 3) + 1;
  for (const std::string& word : known) {
    const bool is_beginning = wrong.size() >= 2 && word.starts_with(wrong);
    const std::size_t far = is_beginning ? 1 : distance(wrong.substr(0, 64), word);
    if (far < least) {
      least = far;
      nearest = word;
    }
  }
  return nearest;
}

}  // namespace alibi::cli
