#include "verify/trust.hpp"

#include <set>

#include "event/csv.hpp"
#include "seal/item.hpp"
#include "seal/leaf.hpp"
#include "seal/tree.hpp"

namespace alibi::verify {
namespace {

constexpr std::uint64_t kEpochMsMax = 86'400'000;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool has_line_of(const seal::Note& note, const seal::VerificationKey& key) {
  return seal::check_signature(note, key) != seal::Signed::No;
}

bool is_hideable_list(std::string_view text) {
  const auto known = split(event::csv_header(), ',');
  const auto names = split(text, ',');
  std::size_t next = 0;
  for (const auto name : names) {
    while (next < known.size() && known[next] != name)
      ++next;
    if (next++ == known.size()) return false;
  }
  return names.size() <= seal::kHideableMax && !text.ends_with(',');
}

}  // namespace

std::optional<Trusted> trust_checkpoint(const Inputs& inputs,
                                        const std::optional<std::string>& bytes,
                                        Findings& findings) {
  const Place place{.file = "checkpoint"};
  if (!inputs.weak_key.empty()) {
    findings.add(Step::Trust, Verdict::WrongKey, {}, inputs.weak_key);
    return std::nullopt;
  }
  const auto log_key = seal::VerificationKey::from_text(inputs.key);
  if (!log_key || log_key->type != seal::SignatureType::Ed25519) {
    findings.add(Step::Trust, Verdict::WrongKey, {},
                 "the given key cannot be used: " +
                     (log_key ? "it is no key of a log" : log_key.error().message));
    return std::nullopt;
  }
  auto note = bytes ? seal::parse_note(*bytes) : fail(Errc::Corrupt, "there is no checkpoint");
  if (!note) {
    findings.add(Step::Checkpoint, Verdict::Malformed, place, note.error().message);
    return std::nullopt;
  }
  if (note->text.substr(0, note->text.find('\n')) != log_key->name) {
    findings.add(Step::Trust, Verdict::WrongKey, place,
                 "the checkpoint is of another log than the given key");
    return std::nullopt;
  }
  if (!has_line_of(*note, *log_key)) {
    findings.add(Step::Trust, Verdict::WrongKey, place,
                 "the checkpoint is not signed by the given key");
    return std::nullopt;
  }
  auto checkpoint = seal::Checkpoint::from_text(note->text);
  if (!checkpoint || checkpoint->size == 0) {
    findings.add(Step::Checkpoint, Verdict::Malformed, place,
                 checkpoint ? "a log has at least one leaf" : checkpoint.error().message);
    return std::nullopt;
  }
  if (seal::check_signature(*note, *log_key) == seal::Signed::Wrong) {
    findings.add(Step::Checkpoint, Verdict::BadSignature, place,
                 "the signature of the log key is wrong");
    return std::nullopt;
  }
  return Trusted{*log_key, std::move(*note), std::move(*checkpoint)};
}

std::optional<Genesis> check_genesis(const Inputs& inputs, const Trusted& trusted,
                                     const seal::Leaf& leaf, std::string_view line,
                                     Findings& findings) {
  const auto found = [&](Verdict verdict, std::string reason) {
    findings.add(Step::Genesis, verdict, {.leaf = 0}, std::move(reason));
    return std::nullopt;
  };
  if (leaf.type != seal::LeafType::Genesis)
    return found(Verdict::Malformed, "the first leaf is not the genesis leaf");
  if (*leaf.find("origin") != trusted.log_key.name ||
      *leaf.find("log_key") != trusted.log_key.to_text())
    return found(Verdict::WrongKey, "the genesis leaf names another origin or log key");
  if (inputs.genesis && seal::leaf_hash(line) != *inputs.genesis)
    return found(Verdict::WrongKey, "the genesis leaf is not the one given with --genesis");
  if (leaf.number("format") != 1)
    return found(Verdict::Malformed, "this format of the seal is not known");
  if (!is_hideable_list(*leaf.find("hideable")))
    return found(Verdict::Malformed, "the list of hideable columns is wrong");
  const auto epoch_ms = leaf.number("epoch_ms").value_or(0);
  if (epoch_ms == 0 || epoch_ms > kEpochMsMax)
    return found(Verdict::Malformed, "the length of an epoch is out of bounds");
  return Genesis{*leaf.find("epoch_key"), *leaf.find("hideable"), epoch_ms,
                 leaf.number("first_event").value_or(0), leaf.number("first_packet").value_or(0)};
}

}  // namespace alibi::verify
