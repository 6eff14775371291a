#pragma once
// What a gate shall do, as values (docs/marking.md, section 8). The text form
// is read by cli/gate_policy.cpp; gate/tables.hpp makes it what the kernel
// program reads.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/address.hpp"
#include "event/diagnosis_names.hpp"
#include "notify/settings.hpp"
#include "wire/alibi_gate.h"

namespace alibi::gate {

/// In the order of severity; values as alibi_gate_action.
enum class Action : std::uint8_t { Allow, Strip, Blank, Drop };
[[nodiscard]] std::string_view to_text(Action action);
[[nodiscard]] std::optional<Action> parse_action(std::string_view text);

/// Values as alibi_gate_state.
enum class State : std::uint8_t { Remembered, Good, Unverified, Forged, Stale, Malformed };
[[nodiscard]] std::string_view to_text(State state);

/// Values as alibi_gate_belief.
enum class Belief : std::uint8_t { Believe, Ignore, Drop };
[[nodiscard]] std::optional<Belief> parse_belief(std::string_view text);

struct Prefix {
  event::IpAddress address;
  unsigned bits = 0;
  auto operator<=>(const Prefix&) const = default;
};
[[nodiscard]] std::string to_text(const Prefix& prefix);
/// "10.1.0.0/16", "fd00::/8", "10.1.2.3". Bits behind the length are zero.
[[nodiscard]] std::optional<Prefix> parse_prefix(std::string_view text);

struct Zone {
  std::string name;
  std::vector<std::string> devices;
  std::vector<Prefix> addresses;
  bool is_trusted = false;
  [[nodiscard]] bool is_rest() const { return devices.empty() && addresses.empty(); }
};

struct Rule {
  std::optional<std::uint8_t> from;  ///< index of a zone; empty: any
  std::optional<std::uint8_t> to;
  std::optional<std::uint8_t> category;
  std::optional<std::uint8_t> code;
  Action action = Action::Allow;
  std::string mirror;  ///< device; empty: none
  bool is_export = false;
  std::vector<std::string> tell;  ///< names of persons
  int line = 0;                   ///< where it stands in the policy; 0: the default nobody wrote
};

using Key = std::array<std::uint8_t, ALIBI_MARK_KEY_BYTES>;

struct Policy {
  event::DiagnosisNames names;
  std::map<std::uint8_t, Key> keys;  ///< by number, 0 to 15
  std::vector<Zone> zones;           ///< one of them is the rest
  Belief unverified = Belief::Believe;
  Belief forged = Belief::Drop;
  Belief stale = Belief::Ignore;
  Belief malformed = Belief::Drop;
  std::uint64_t sticky_ms = 600'000;  ///< 0: nobody is remembered
  std::vector<Rule> rules;
  notify::Settings tell;
  Rule otherwise;  ///< where no rule fits; has action, mirror, export and tell
};

/// The rule of that index as the kernel counts; the default stands behind the
/// others. Null: none.
[[nodiscard]] const Rule* rule_at(const Policy& policy, std::size_t index);

}  // namespace alibi::gate
