#include "gate/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace alibi::gate {
namespace {

constexpr std::array<std::string_view, 4> kActions = {"allow", "strip", "blank", "drop"};
constexpr std::array<std::string_view, 6> kStates = {"remembered", "good",  "unverified",
                                                     "forged",     "stale", "malformed"};
constexpr std::array<std::string_view, 3> kBeliefs = {"believe", "ignore", "drop"};

template <typename Enum, std::size_t N>
std::optional<Enum> find_word(const std::array<std::string_view, N>& words, std::string_view text) {
  const auto at = std::ranges::find(words, text);
  if (at == words.end()) return std::nullopt;
  return static_cast<Enum>(at - words.begin());
}

}  // namespace

std::string_view to_text(Action action) { return kActions[static_cast<std::size_t>(action)]; }
std::optional<Action> parse_action(std::string_view text) {
  return find_word<Action>(kActions, text);
}

std::string_view to_text(State state) { return kStates[static_cast<std::size_t>(state)]; }

std::optional<Belief> parse_belief(std::string_view text) {
  return find_word<Belief>(kBeliefs, text);
}

std::string to_text(const Prefix& prefix) {
  return fmt::format("{}/{}", event::to_text(prefix.address), prefix.bits);
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = event::parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Prefix prefix{*address, address->is_v6 ? 128U : 32U};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc() || end != digits.data() + digits.size() || bits > prefix.bits)
      return std::nullopt;
    prefix.bits = bits;
  }
  for (unsigned bit = prefix.bits; bit < prefix.address.octets().size() * 8; ++bit) {
    auto& byte = prefix.address.bytes[bit / 8];
    byte = static_cast<std::uint8_t>(byte & ~(0x80U >> (bit % 8)));
  }
  return prefix;
}

const Rule* rule_at(const Policy& policy, std::size_t index) {
  if (index < policy.rules.size()) return &policy.rules[index];
  return index == policy.rules.size() ? &policy.otherwise : nullptr;
}

}  // namespace alibi::gate
