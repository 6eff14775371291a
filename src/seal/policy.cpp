#include "seal/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>

namespace alibi::seal {
namespace {

constexpr std::size_t kTextMax = 256U << 10;
constexpr std::size_t kNamesMax = 1024;  ///< tlog-policy asks for 32 of each at least

using Words = std::vector<std::string_view>;

/// Spaces and tabs only, as tlog-policy says.
Words split_words(std::string_view line) {
  Words words;
  while (true) {
    const std::size_t from = line.find_first_not_of(" \t");
    if (from == std::string_view::npos) return words;
    const std::size_t to = std::min(line.find_first_of(" \t", from), line.size());
    words.push_back(line.substr(from, to - from));
    line.remove_prefix(to);
  }
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
      (text.front() == '0' && text.size() > 1) || value > INT64_MAX)
    return std::nullopt;
  return value;
}

/// Calls `take` with the words of each line that is neither empty nor a comment.
/// Errors: those of `take` with the number of the line; octets that tlog-policy
/// forbids; a last line without its end, which could be cut in its middle.
Status for_each_line(std::string_view text, const std::function<Status(const Words&)>& take) {
  if (text.size() > kTextMax) return fail(Errc::Corrupt, "larger than 256 KiB");
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos)
      return fail(Errc::Corrupt, fmt::format("line {}: does not end with a newline", number));
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const bool is_clean = std::ranges::all_of(line, [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    });
    if (!is_clean) return fail(Errc::Corrupt, fmt::format("line {}: control character", number));
    const Words words = split_words(line);
    if (words.empty() || words.front().starts_with('#')) continue;
    if (auto done = take(words); !done) return during(fmt::format("line {}", number), done.error());
  }
  return {};
}

class PolicyReader {
 public:
  Status take(const Words& words) {
    const std::string_view what = words.front();
    if (what == "log") return take_log(words);
    if (what == "witness") return take_witness(words);
    if (what == "group") return take_group(words);
    if (what == "quorum") return take_quorum(words);
    return fail(Errc::Corrupt, fmt::format("'{}' is neither log, witness, group nor quorum", what));
  }

  Result<Policy> finish() {
    if (policy_.quorum.empty()) return fail(Errc::Corrupt, "no quorum line");
    return std::move(policy_);
  }

 private:
  Result<VerificationKey> read_key(std::string_view text, SignatureType type) {
    auto key = VerificationKey::from_text(text);
    if (key && key->type != type) {
      return fail(Errc::Corrupt,
                  fmt::format("the key must be of signature type {}", static_cast<unsigned>(type)));
    }
    return key;
  }

  Status take_log(const Words& words) {
    if (words.size() < 2 || words.size() > 3) return fail(Errc::Corrupt, "must be: log VKEY [URL]");
    auto key = read_key(words[1], SignatureType::Ed25519);
    if (!key) return std::unexpected(key.error());
    if (std::ranges::any_of(policy_.logs, [&](const auto& log) { return log.key == key->key; }))
      return fail(Errc::Corrupt, "the log with this key stands twice");
    if (policy_.logs.size() >= kNamesMax) return fail(Errc::Corrupt, "too many logs");
    policy_.logs.push_back(std::move(*key));
    return {};
  }

  Status take_witness(const Words& words) {
    if (words.size() < 3 || words.size() > 4)
      return fail(Errc::Corrupt, "must be: witness NAME VKEY [URL]");
    if (auto done = define(words[1]); !done) return done;
    auto key = read_key(words[2], SignatureType::Cosignature);
    if (!key) return std::unexpected(key.error());
    if (std::ranges::any_of(policy_.witnesses,
                            [&](const auto& witness) { return witness.key.key == key->key; }))
      return fail(Errc::Corrupt, "the witness with this key stands twice");
    policy_.witnesses.push_back({std::string(words[1]), std::move(*key),
                                 words.size() == 4 ? std::string(words[3]) : std::string()});
    return {};
  }

  Status take_group(const Words& words) {
    if (words.size() < 4) return fail(Errc::Corrupt, "must be: group NAME all|any|K MEMBER...");
    Policy::Group group{.name = std::string(words[1]), .threshold = 0, .members = {}};
    for (const std::string_view member : std::span(words).subspan(3)) {
      if (!defined_.contains(member))
        return fail(Errc::Corrupt, fmt::format("'{}' is not defined before this line", member));
      if (!members_.emplace(member).second)
        return fail(Errc::Corrupt, fmt::format("'{}' is a member twice", member));
      group.members.emplace_back(member);
    }
    const std::size_t count = group.members.size();
    const auto threshold = words[2] == "all"   ? std::optional<std::uint64_t>(count)
                           : words[2] == "any" ? std::optional<std::uint64_t>(1)
                                               : parse_decimal(words[2]);
    if (!threshold || *threshold < 1 || *threshold > count)
      return fail(Errc::Corrupt, fmt::format("'{}' must be all, any or 1 to {}", words[2], count));
    group.threshold = *threshold;
    if (auto done = define(words[1]); !done) return done;
    policy_.groups.push_back(std::move(group));
    return {};
  }

  Status take_quorum(const Words& words) {
    if (words.size() != 2) return fail(Errc::Corrupt, "must be: quorum NAME, or quorum none");
    if (!policy_.quorum.empty()) return fail(Errc::Corrupt, "a second quorum line");
    if (words[1] != "none" && !defined_.contains(words[1]))
      return fail(Errc::Corrupt, fmt::format("'{}' is not defined before this line", words[1]));
    policy_.quorum = words[1];
    return {};
  }

  /// Witnesses and groups share one space of names.
  Status define(std::string_view name) {
    if (name == "none") return fail(Errc::Corrupt, "'none' cannot be a name");
    if (defined_.size() >= kNamesMax) return fail(Errc::Corrupt, "too many witnesses and groups");
    if (!defined_.emplace(name).second)
      return fail(Errc::Corrupt, fmt::format("the name '{}' stands twice", name));
    return {};
  }

  Policy policy_;
  std::set<std::string, std::less<>> defined_;
  std::set<std::string, std::less<>> members_;
};

class RequirementsReader {
 public:
  Status take(const Words& words) {
    const std::string_view key = words.front();
    if (key == "organisation") return take_organisation(words);
    if (words.size() != 2) return fail(Errc::Corrupt, fmt::format("must be: {} NUMBER", key));
    if (!seen_.emplace(key).second)
      return fail(Errc::Corrupt, fmt::format("'{}' stands twice", key));
    const auto value = parse_decimal(words[1]);
    if (!value) return fail(Errc::Corrupt, fmt::format("'{}' is not a number", words[1]));
    return set(key, *value);
  }

  Requirements finish() { return std::move(requirements_); }

 private:
  Status set(std::string_view key, std::uint64_t value) {
    if (key == "organisations") {
      // Zero would make a log that nobody witnessed pass as a witnessed one.
      if (value == 0 || value > kNamesMax)
        return fail(Errc::Corrupt, fmt::format("organisations must be 1 to {}", kNamesMax));
      requirements_.organisations = value;
    } else if (key == "witness_interval") {
      requirements_.witness_interval_s = value;
    } else if (key == "max_age") {
      requirements_.max_age_s = value;
    } else if (key == "clock_difference") {
      requirements_.clock_difference_s = value;
    } else {
      return fail(Errc::Corrupt, fmt::format("there is no requirement '{}'", key));
    }
    return {};
  }

  Status take_organisation(const Words& words) {
    if (words.size() < 3) return fail(Errc::Corrupt, "must be: organisation NAME WITNESS...");
    for (const std::string_view witness : std::span(words).subspan(2)) {
      if (requirements_.organisation_of.size() >= kNamesMax)
        return fail(Errc::Corrupt, "too many witnesses");
      if (!requirements_.organisation_of.emplace(witness, words[1]).second)
        return fail(Errc::Corrupt, fmt::format("witness '{}' stands twice", witness));
    }
    return {};
  }

  Requirements requirements_;
  std::set<std::string, std::less<>> seen_;
};

/// A witness that no organisation names is its own; the mark keeps it apart from an
/// organisation of that name.
std::size_t count_organisations(const std::vector<std::string>& names,
                                const Requirements& requirements) {
  std::set<std::string> organisations;
  for (const std::string& name : names) {
    const auto found = requirements.organisation_of.find(name);
    organisations.insert(found != requirements.organisation_of.end() ? "o " + found->second
                                                                     : "w " + name);
  }
  return organisations.size();
}

}  // namespace

Result<Policy> Policy::from_text(std::string_view text) {
  PolicyReader reader;
  if (auto done = for_each_line(text, [&](const Words& words) { return reader.take(words); });
      !done)
    return during("policy", done.error());
  auto policy = reader.finish();
  if (!policy) return during("policy", policy.error());
  return policy;
}

bool Policy::is_satisfied(const std::vector<std::string>& names) const {
  if (quorum == "none") return true;
  std::set<std::string, std::less<>> satisfied(names.begin(), names.end());
  for (const Group& group : groups) {  // members stand before their group
    const auto count = std::ranges::count_if(
        group.members, [&](const std::string& member) { return satisfied.contains(member); });
    if (static_cast<std::size_t>(count) >= group.threshold) satisfied.insert(group.name);
  }
  return satisfied.contains(quorum);
}

Result<Requirements> Requirements::from_text(std::string_view text) {
  RequirementsReader reader;
  if (auto done = for_each_line(text, [&](const Words& words) { return reader.take(words); });
      !done)
    return during("requirements", done.error());
  return reader.finish();
}

bool are_enough(const std::vector<std::string>& names, const Policy& policy,
                const Requirements& requirements) {
  return policy.is_satisfied(names) &&
         count_organisations(names, requirements) >= requirements.organisations;
}

Result<Cosigners> check_cosigners(const Note& note, const Policy& policy,
                                  const Requirements& requirements) {
  Cosigners cosigners;
  for (const Witness& witness : policy.witnesses) {
    const std::uint32_t hash = witness.key.hash();
    bool is_cosigned = false;
    for (const NoteSignature& line : note.signatures) {
      if (line.name != witness.key.name || line.key_hash != hash) continue;
      // Each line by itself: a right one does not excuse a wrong one.
      const auto time_s = cosigned_at({note.text, {line}}, witness.key);
      if (!time_s || *time_s == 0) {
        return fail(Errc::Corrupt,
                    fmt::format("the cosignature of witness '{}' is wrong", witness.name));
      }
      const bool is_first = cosigners.names.empty() && !is_cosigned;
      cosigners.first_time_s = is_first ? *time_s : std::min(cosigners.first_time_s, *time_s);
      cosigners.last_time_s = std::max(cosigners.last_time_s, *time_s);
      is_cosigned = true;
    }
    if (is_cosigned) cosigners.names.push_back(witness.name);
  }
  cosigners.is_quorum = are_enough(cosigners.names, policy, requirements);
  return cosigners;
}

}  // namespace alibi::seal
