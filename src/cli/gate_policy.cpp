#include "cli/gate_policy.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <span>

#include "cli/nearest.hpp"
#include "cli/quantity.hpp"
#include "cli/settings_file.hpp"
#include "mark/names_file.hpp"
#include "mark/network_key.hpp"

namespace alibi::cli {
namespace {

using gate::Policy;
using gate::Rule;
using gate::Zone;

constexpr std::uint64_t kLongestStickyMs = 30ULL * 86'400'000;

struct Entry {
  const char* name;
  const char* form;  ///< what a value looks like, for messages
  std::function<bool(const toml::node&)> read;
};

std::optional<std::string> text_of(const toml::node& node) {
  return node.value_exact<std::string>();
}

bool read_flag(bool& into, const toml::node& node) {
  const auto value = node.value_exact<bool>();
  if (value) into = *value;
  return value.has_value();
}

template <typename Value, typename Parse>
bool read_parsed(Value& into, const toml::node& node, Parse parse) {
  const auto text = text_of(node);
  const auto value = text ? parse(*text) : std::nullopt;
  if (value) into = *value;
  return value.has_value();
}

template <typename Value, typename Parse>
bool read_list(std::vector<Value>& into, const toml::node& node, Parse parse) {
  const toml::array* list = node.as_array();
  if (!list) return false;
  for (const toml::node& element : *list)
    if (!read_parsed(into.emplace_back(), element, parse)) return false;
  return true;
}

std::optional<std::string> parse_name(const std::string& text) {
  const bool is_name =
      !text.empty() && text.size() <= 64 &&
      std::ranges::none_of(text, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  return is_name ? std::optional(text) : std::nullopt;
}

std::optional<std::string> parse_device(const std::string& text) {
  return text.size() < 16 && !text.contains('/') ? parse_name(text) : std::nullopt;
}

std::optional<std::uint8_t> number_of(const toml::node& node) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < 0 || *value > 255) return std::nullopt;
  return static_cast<std::uint8_t>(*value);
}

class PolicyReader {
 public:
  PolicyReader(const std::string& file, event::DiagnosisNames names) : file_(file) {
    policy_.names = std::move(names);
  }

  Result<Policy> read(const toml::table& root);

 private:
  [[nodiscard]] std::unexpected<Error> wrong(const toml::node& at, const std::string& what) const {
    return fail(Errc::Usage, fmt::format("{}:{}: {}", file_, at.source().begin.line, what));
  }
  Status read_entries(const toml::table& table, std::string_view section,
                      std::span<const Entry> entries);
  bool read_category(std::optional<std::uint8_t>& into, const toml::node& node) const;
  Status read_keys(const toml::table& table);
  Status read_zone(const toml::table& table);
  Status read_marks(const toml::table& table);
  Status read_rule(const toml::table& table);
  Status read_default(const toml::table& table);
  Status read_person(const toml::table& table);
  Status read_tell(const toml::table& table);
  Status check_persons(const toml::table& root) const;
  Result<std::optional<std::uint8_t>> zone_number(const std::string& name, const toml::node& at,
                                                  bool is_destination);
  Status read_tables(const toml::table& root, const char* name,
                     const std::function<Status(const toml::table&)>& read, bool is_array);

  std::string file_;
  Policy policy_;
};

Status PolicyReader::read_entries(const toml::table& table, std::string_view section,
                                  std::span<const Entry> entries) {
  for (const auto& [name, node] : table) {
    const auto at =
        std::ranges::find_if(entries, [&](const Entry& e) { return name.str() == e.name; });
    if (at == entries.end()) {
      std::vector<std::string> names;
      for (const Entry& entry : entries)
        names.emplace_back(entry.name);
      const std::string nearest = nearest_word(std::string(name.str()), names);
      return wrong(node, fmt::format("there is no key '{}' in {}{}", name.str(), section,
                                     nearest.empty() ? "" : ", did you mean '" + nearest + "'"));
    }
    if (!at->read(node)) return wrong(node, fmt::format("'{}' must be {}", name.str(), at->form));
  }
  return {};
}

bool PolicyReader::read_category(std::optional<std::uint8_t>& into, const toml::node& node) const {
  const auto name = text_of(node);
  into = name ? policy_.names.find_category(*name) : number_of(node);
  return into.has_value();
}

Status PolicyReader::read_keys(const toml::table& table) {
  for (const auto& [name, node] : table) {
    const std::string number(name.str());
    const bool is_number =
        !number.empty() && number.size() <= 2 &&
        std::ranges::all_of(number, [](unsigned char c) { return std::isdigit(c); });
    if (!is_number || std::stoi(number) >= ALIBI_MARK_KEYS_MAX)
      return wrong(node, fmt::format("'{}' is no number of a key, 0 to 15", number));
    const auto text = text_of(node);
    if (!text || !text->starts_with("file:/"))
      return wrong(node, fmt::format("key {} must be \"file:\" and an absolute path", number));
    const auto key = mark::read_network_key(text->substr(5));
    if (!key) return during(fmt::format("{}:{}", file_, node.source().begin.line), key.error());
    policy_.keys[static_cast<std::uint8_t>(std::stoi(number))] = *key;
  }
  return {};
}

Status PolicyReader::read_zone(const toml::table& table) {
  Zone zone;
  const Entry entries[] = {
      {"name", "a name without spaces",
       [&](const toml::node& n) { return read_parsed(zone.name, n, parse_name); }},
      {"devices", "a list of devices, such as [\"eth1\"]",
       [&](const toml::node& n) { return read_list(zone.devices, n, parse_device); }},
      {"addresses", "a list of addresses with prefix lengths, such as [\"10.1.0.0/16\"]",
       [&](const toml::node& n) {
         return read_list(zone.addresses, n,
                          [](const std::string& t) { return gate::parse_prefix(t); });
       }},
      {"trusted", "true or false",
       [&](const toml::node& n) { return read_flag(zone.is_trusted, n); }},
  };
  if (auto done = read_entries(table, "[[zone]]", entries); !done) return done;
  if (zone.name.empty()) return wrong(table, "a zone needs a name");
  if (zone.name == "any") return wrong(table, "'any' means every zone and cannot be one");
  if (policy_.zones.size() + 1 >= ALIBI_GATE_ZONES_MAX)
    return wrong(table, fmt::format("more than {} zones", ALIBI_GATE_ZONES_MAX - 1));
  for (const Zone& other : policy_.zones) {
    if (other.name == zone.name)
      return wrong(table, fmt::format("there are two zones '{}'", zone.name));
    if (other.is_rest() && zone.is_rest())
      return wrong(table, fmt::format("both '{}' and '{}' have neither devices nor addresses; only "
                                      "one zone can be everything else",
                                      other.name, zone.name));
    for (const auto& prefix : zone.addresses)
      if (std::ranges::find(other.addresses, prefix) != other.addresses.end())
        return wrong(table,
                     fmt::format("{} is in '{}' already", gate::to_text(prefix), other.name));
    for (const auto& device : zone.devices)
      if (std::ranges::find(other.devices, device) != other.devices.end())
        return wrong(table, fmt::format("device {} is in '{}' already", device, other.name));
  }
  policy_.zones.push_back(std::move(zone));
  return {};
}

Status PolicyReader::read_marks(const toml::table& table) {
  constexpr const char* kForm = "\"believe\", \"ignore\" or \"drop\"";
  const auto belief = [](gate::Belief& into) {
    return [&into](const toml::node& n) {
      return read_parsed(into, n, [](const std::string& t) { return gate::parse_belief(t); });
    };
  };
  const Entry entries[] = {
      {"unverified", kForm, belief(policy_.unverified)},
      {"forged", kForm, belief(policy_.forged)},
      {"stale", kForm, belief(policy_.stale)},
      {"malformed", "\"ignore\" or \"drop\": there is nothing in it to believe",
       [&](const toml::node& n) {
         return belief(policy_.malformed)(n) && policy_.malformed != gate::Belief::Believe;
       }},
      {"sticky", "a duration up to 30d, such as \"10min\"; \"0s\" to remember nobody",
       [&](const toml::node& n) {
         return read_parsed(policy_.sticky_ms, n, [](const std::string& t) {
           const auto ms = parse_duration_ms(t);
           return ms && *ms <= kLongestStickyMs ? ms : std::nullopt;
         });
       }},
  };
  return read_entries(table, "[marks]", entries);
}

Result<std::optional<std::uint8_t>> PolicyReader::zone_number(const std::string& name,
                                                              const toml::node& at,
                                                              bool is_destination) {
  if (name.empty() || name == "any") return std::nullopt;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < policy_.zones.size(); ++i) {
    const Zone& zone = policy_.zones[i];
    names.push_back(zone.name);
    if (zone.name != name) continue;
    if (is_destination && zone.addresses.empty() && !zone.is_rest())
      return wrong(at, fmt::format("zone '{}' has no addresses; where a packet goes is known by "
                                   "its address only",
                                   name));
    return static_cast<std::uint8_t>(i);
  }
  const std::string nearest = nearest_word(name, names);
  return wrong(at, fmt::format("there is no zone '{}'{}", name,
                               nearest.empty() ? "" : ", did you mean '" + nearest + "'"));
}

std::vector<Entry> action_entries(Rule& rule) {
  return {
      {"action", "\"allow\", \"strip\", \"blank\" or \"drop\"",
       [&](const toml::node& n) {
         return read_parsed(rule.action, n,
                            [](const std::string& t) { return gate::parse_action(t); });
       }},
      {"mirror", "a device, such as \"eth3\"",
       [&](const toml::node& n) { return read_parsed(rule.mirror, n, parse_device); }},
      {"export", "true or false",
       [&](const toml::node& n) { return read_flag(rule.is_export, n); }},
      {"tell", "a list of persons, such as [\"admin\"]",
       [&](const toml::node& n) { return read_list(rule.tell, n, parse_name); }},
  };
}

Status PolicyReader::read_rule(const toml::table& table) {
  Rule rule;
  std::string from;
  std::string to;
  auto entries = action_entries(rule);
  entries.insert(entries.end(),
                 {{"from", "a zone or \"any\"",
                   [&](const toml::node& n) { return read_parsed(from, n, parse_name); }},
                  {"to", "a zone or \"any\"",
                   [&](const toml::node& n) { return read_parsed(to, n, parse_name); }},
                  {"category", "a category's name, such as \"leak\", or its number, 0 to 255",
                   [&](const toml::node& n) { return read_category(rule.category, n); }},
                  {"code", "a number, 0 to 255",
                   [&](const toml::node& n) { return (rule.code = number_of(n)).has_value(); }}});
  if (auto done = read_entries(table, "[[rule]]", entries); !done) return done;
  if (!table.contains("action")) return wrong(table, "a rule needs an action");
  if (rule.code && !rule.category)
    return wrong(table, "a code means something only in a category: add category");
  if (policy_.rules.size() + 1 >= ALIBI_GATE_RULES_MAX)
    return wrong(table, fmt::format("more than {} rules", ALIBI_GATE_RULES_MAX - 1));
  const auto from_zone = zone_number(from, table, false);
  if (!from_zone) return std::unexpected(from_zone.error());
  const auto to_zone = zone_number(to, table, true);
  if (!to_zone) return std::unexpected(to_zone.error());
  rule.from = *from_zone;
  rule.to = *to_zone;
  rule.line = static_cast<int>(table.source().begin.line);
  policy_.rules.push_back(std::move(rule));
  return {};
}

Status PolicyReader::read_default(const toml::table& table) {
  policy_.otherwise.line = static_cast<int>(table.source().begin.line);
  return read_entries(table, "[default]", action_entries(policy_.otherwise));
}

Status PolicyReader::read_person(const toml::table& table) {
  notify::Person person;
  const auto text = [](std::string& into) {
    return [&into](const toml::node& n) { return read_parsed(into, n, parse_name); };
  };
  const Entry entries[] = {
      {"name", "a name without spaces", text(person.name)},
      {"mail", "an address, such as \"admin@example.org\"",
       [&](const toml::node& n) {
         return text(person.mail)(n) && person.mail.find_first_of("<>") == std::string::npos &&
                person.mail.contains('@');
       }},
      {"messenger", "a host of IP Messenger, such as \"10.1.0.7\" or \"pc7:2425\"",
       text(person.messenger)},
      {"desktop", "the address of a D-Bus, such as \"unix:path=/run/user/1000/bus\"",
       text(person.desktop)},
      {"webhook", "a URL, http:// or https://",
       [&](const toml::node& n) {
         return text(person.webhook)(n) &&
                (person.webhook.starts_with("http://") || person.webhook.starts_with("https://"));
       }},
      {"sound",
       "a program and its arguments, such as [\"/usr/bin/aplay\", \"/etc/alibi/alarm.wav\"]",
       [&](const toml::node& n) {
         return read_list(person.sound, n, [](const std::string& t) { return std::optional(t); }) &&
                !person.sound.empty() && person.sound[0].starts_with('/');
       }},
      {"syslog", "true or false",
       [&](const toml::node& n) { return read_flag(person.is_syslog, n); }},
      {"wall", "true or false", [&](const toml::node& n) { return read_flag(person.is_wall, n); }},
  };
  if (auto done = read_entries(table, "[[person]]", entries); !done) return done;
  if (person.name.empty()) return wrong(table, "a person needs a name");
  for (const auto& other : policy_.tell.persons)
    if (other.name == person.name)
      return wrong(table, fmt::format("there are two persons '{}'", person.name));
  policy_.tell.persons.push_back(std::move(person));
  return {};
}

Status PolicyReader::read_tell(const toml::table& table) {
  notify::Settings& tell = policy_.tell;
  const auto duration = [](std::uint64_t& into, std::uint64_t least_ms) {
    return [&into, least_ms](const toml::node& n) {
      return read_parsed(into, n, [least_ms](const std::string& t) {
        const auto ms = parse_duration_ms(t);
        return ms && *ms >= least_ms && *ms <= kLongestStickyMs ? ms : std::nullopt;
      });
    };
  };
  const Entry entries[] = {
      {"smtp", "a URL, such as \"smtp://mail.example.org:25\"",
       [&](const toml::node& n) {
         return read_parsed(tell.smtp, n, parse_name) &&
                (tell.smtp.starts_with("smtp://") || tell.smtp.starts_with("smtps://"));
       }},
      {"from", "the sender's address, such as \"alibi@example.org\"",
       [&](const toml::node& n) {
         return read_parsed(tell.from, n, parse_name) && tell.from.contains('@') &&
                tell.from.find_first_of("<>") == std::string::npos;
       }},
      {"interval", "a duration, 1s to 30d, such as \"10min\"", duration(tell.interval_ms, 1000)},
      {"retry", "a duration, 1s to 30d, such as \"10s\"", duration(tell.retry_ms, 1000)},
      {"keep", "a duration, 1min to 30d, such as \"7d\"", duration(tell.keep_ms, 60'000)},
  };
  return read_entries(table, "[tell]", entries);
}

/// Names in rules, and what their channels need.
Status PolicyReader::check_persons(const toml::table& root) const {
  std::vector<std::string> names;
  for (const auto& person : policy_.tell.persons) {
    names.push_back(person.name);
    if (!person.mail.empty() && policy_.tell.smtp.empty())
      return wrong(root,
                   fmt::format("'{}' has a mail address, but [tell] has no smtp", person.name));
  }
  for (std::size_t i = 0; const Rule* rule = gate::rule_at(policy_, i); ++i)
    for (const std::string& name : rule->tell) {
      if (std::ranges::find(names, name) != names.end()) continue;
      const std::string nearest = nearest_word(name, names);
      return fail(Errc::Usage,
                  fmt::format("{}:{}: there is no person '{}'{}", file_, rule->line, name,
                              nearest.empty() ? "" : ", did you mean '" + nearest + "'"));
    }
  return {};
}

Status PolicyReader::read_tables(const toml::table& root, const char* name,
                                 const std::function<Status(const toml::table&)>& read,
                                 bool is_array) {
  const toml::node* node = root.get(name);
  if (!node) return {};
  if (!is_array) {
    const toml::table* table = node->as_table();
    return table ? read(*table)
                 : wrong(*node, fmt::format("'{}' must be a table, [{}]", name, name));
  }
  const toml::array* tables = node->as_array();
  if (!tables) return wrong(*node, fmt::format("'{}' must be tables, [[{}]]", name, name));
  for (const toml::node& each : *tables) {
    const toml::table* table = each.as_table();
    if (!table) return wrong(each, fmt::format("'{}' must be tables, [[{}]]", name, name));
    if (auto done = read(*table); !done) return done;
  }
  return {};
}

Result<Policy> PolicyReader::read(const toml::table& root) {
  const std::vector<std::string> known = {"keys",    "zone",   "marks", "rule",
                                          "default", "person", "tell"};
  for (const auto& [name, node] : root) {
    if (std::ranges::find(known, name.str()) != known.end()) continue;
    const std::string nearest = nearest_word(std::string(name.str()), known);
    return wrong(node, fmt::format("there is no section '{}'{}", name.str(),
                                   nearest.empty() ? "" : ", did you mean '" + nearest + "'"));
  }
  const auto reader = [this](Status (PolicyReader::*method)(const toml::table&)) {
    return [this, method](const toml::table& table) { return (this->*method)(table); };
  };
  if (auto done = read_tables(root, "keys", reader(&PolicyReader::read_keys), false); !done)
    return std::unexpected(done.error());
  if (auto done = read_tables(root, "zone", reader(&PolicyReader::read_zone), true); !done)
    return std::unexpected(done.error());
  if (auto done = read_tables(root, "marks", reader(&PolicyReader::read_marks), false); !done)
    return std::unexpected(done.error());
  // Somewhere what is in no zone must be; nothing is trusted that was not named.
  if (std::ranges::none_of(policy_.zones, &Zone::is_rest))
    policy_.zones.push_back(Zone{.name = "elsewhere"});
  if (auto done = read_tables(root, "rule", reader(&PolicyReader::read_rule), true); !done)
    return std::unexpected(done.error());
  if (auto done = read_tables(root, "default", reader(&PolicyReader::read_default), false); !done)
    return std::unexpected(done.error());
  if (auto done = read_tables(root, "person", reader(&PolicyReader::read_person), true); !done)
    return std::unexpected(done.error());
  if (auto done = read_tables(root, "tell", reader(&PolicyReader::read_tell), false); !done)
    return std::unexpected(done.error());
  if (auto done = check_persons(root); !done) return std::unexpected(done.error());
  return std::move(policy_);
}

}  // namespace

Result<Policy> parse_gate_policy(std::string_view text, const std::string& file,
                                 event::DiagnosisNames names) {
  if (text.size() > kSettingsBytesMax) return fail(Errc::Usage, file + ": larger than 1 MiB");
  try {
    return PolicyReader(file, std::move(names)).read(toml::parse(text, file));
  } catch (const toml::parse_error& error) {
    return fail(Errc::Usage,
                fmt::format("{}:{}: {}", file, error.source().begin.line, error.description()));
  }
}

Result<Policy> load_gate_policy(const std::filesystem::path& file) {
  const auto text = read_settings(file);
  if (!text) return std::unexpected(text.error());
  auto names = mark::read_names();
  if (!names) return std::unexpected(names.error());
  return parse_gate_policy(*text, file.string(), std::move(*names));
}

}  // namespace alibi::cli
