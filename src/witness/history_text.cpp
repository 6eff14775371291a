#include "witness/history_text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "seal/bytes.hpp"
#include "seal/note.hpp"

namespace alibi::witness {
namespace {

constexpr std::string_view kHead = "alibi-witness-history-v1";
constexpr std::string_view kState = "alibi-witness-state-v1";
constexpr std::array<std::string_view, 4> kOutcomes = {"accepted", "refused-409", "refused-422",
                                                       "carried"};

template <typename Integer>
bool take_number(std::string_view& text, Integer& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_text(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

bool take_chain(std::string_view& text, std::string& into) {
  if (text.size() < 64 || !seal::Hash::from_hex(text.substr(0, 64))) return false;
  into = text.substr(0, 64);
  text.remove_prefix(64);
  return true;
}

std::optional<Outcome> take_outcome(std::string_view& text) {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    if (take_text(text, std::string(kOutcomes[i]) + " ")) return static_cast<Outcome>(i);
  }
  return std::nullopt;
}

std::string print_line(std::uint64_t number, const Entry& entry) {
  return fmt::format("{} {} {} {}", number, name_of(entry.outcome), entry.time_s,
                     entry.note.size());
}

std::string next_chain(const std::string& before, const std::string& line, std::string_view note) {
  seal::Sha256 sha;
  return sha.begin().add(before).add(" ").add(line).add("\n").add(note).finish().to_hex();
}

struct EntryLine {
  std::uint64_t number = 0;
  Entry entry;
  std::size_t bytes = 0;
  std::string chain;
};

std::optional<EntryLine> parse_line(std::string_view line) {
  EntryLine parsed;
  if (!take_number(line, parsed.number) || !take_text(line, " ")) return std::nullopt;
  const auto outcome = take_outcome(line);
  if (!outcome || !take_number(line, parsed.entry.time_s) || !take_text(line, " ") ||
      !take_number(line, parsed.bytes) || !take_text(line, " ") ||
      !take_chain(line, parsed.chain) || !line.empty() || parsed.bytes > seal::kNoteBytesMax)
    return std::nullopt;
  parsed.entry.outcome = *outcome;
  return parsed;
}

std::optional<Position> parse_head(std::string_view line) {
  Position position;
  if (!take_text(line, kHead) || !take_text(line, " ") || !take_number(line, position.file) ||
      !take_text(line, " ") || !take_number(line, position.entries) || !take_text(line, " ") ||
      !take_chain(line, position.chain) || !line.empty())
    return std::nullopt;
  return position;
}

std::string print_unsigned(const State& state) {
  return fmt::format("{}\nfile {}\nentries {}\nchain {}\ninode {}\nbirth {}\n", kState,
                     state.position.file, state.position.entries, state.position.chain, state.inode,
                     state.birth_ns);
}

}  // namespace

std::string_view name_of(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

std::string print_head(const Position& position) {
  return fmt::format("{} {} {} {}\n", kHead, position.file, position.entries, position.chain);
}

std::string print_entry(Position& position, const Entry& entry) {
  const std::string line = print_line(++position.entries, entry);
  position.chain = next_chain(position.chain, line, entry.note);
  return fmt::format("{} {}\n{}", line, position.chain, entry.note);
}

Result<Position> read_history(std::string_view bytes, std::size_t& used,
                              const std::function<Status(const Position&, const Entry*)>& take) {
  const std::size_t head_end = bytes.find('\n');
  auto position =
      head_end == std::string_view::npos ? std::nullopt : parse_head(bytes.substr(0, head_end));
  if (!position) return fail(Errc::Corrupt, "no history of a witness");
  used = head_end + 1;
  if (auto done = take(*position, nullptr); !done) return std::unexpected(done.error());
  while (true) {
    const std::size_t line_end = bytes.find('\n', used);
    if (line_end == std::string_view::npos) return *position;
    auto parsed = parse_line(bytes.substr(used, line_end - used));
    if (!parsed || parsed->number != position->entries + 1) {
      return fail(Errc::Corrupt,
                  fmt::format("the history is damaged after entry {}", position->entries));
    }
    if (bytes.size() - line_end - 1 < parsed->bytes) return *position;
    parsed->entry.note = bytes.substr(line_end + 1, parsed->bytes);
    const std::string chain =
        next_chain(position->chain, print_line(parsed->number, parsed->entry), parsed->entry.note);
    if (chain != parsed->chain)
      return fail(Errc::Corrupt, fmt::format("entry {} was changed", parsed->number));
    position->entries = parsed->number;
    position->chain = chain;
    used = line_end + 1 + parsed->bytes;
    if (auto done = take(*position, &parsed->entry); !done) return std::unexpected(done.error());
  }
}

std::string print_state(const State& state, const seal::SigningKey& key) {
  const std::string text = print_unsigned(state);
  return text + "signature " + seal::to_base64(key.sign(text)) + "\n";
}

Result<State> parse_state(std::string_view text, const seal::VerificationKey& key) {
  State state;
  std::string_view rest = text;
  const bool is_state = take_text(rest, kState) && take_text(rest, "\nfile ") &&
                        take_number(rest, state.position.file) && take_text(rest, "\nentries ") &&
                        take_number(rest, state.position.entries) && take_text(rest, "\nchain ") &&
                        take_chain(rest, state.position.chain) && take_text(rest, "\ninode ") &&
                        take_number(rest, state.inode) && take_text(rest, "\nbirth ") &&
                        take_number(rest, state.birth_ns) && take_text(rest, "\n");
  if (!is_state || print_unsigned(state) != text.substr(0, text.size() - rest.size()))
    return fail(Errc::Corrupt, "not the state of a witness");
  const std::string_view signed_part = text.substr(0, text.size() - rest.size());
  const bool is_line = take_text(rest, "signature ") && rest.ends_with('\n');
  const auto signature =
      is_line ? seal::from_base64(rest.substr(0, rest.size() - 1)) : std::nullopt;
  if (!signature || !key.verifies(signed_part, *signature))
    return fail(Errc::Corrupt, "the state was not signed by the key of this witness");
  return state;
}

}  // namespace alibi::witness
