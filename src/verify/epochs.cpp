#include "verify/epochs.hpp"

#include <utility>

#include "seal/seal_layout.hpp"

namespace alibi::verify {
namespace {
constexpr std::size_t kChecksAtOnce = 64;

std::string key_name(const std::string& origin, std::uint64_t epoch) {
  return origin + "/epoch/" + std::to_string(epoch);
}

}  // namespace

void Epochs::begin(const Genesis& genesis) { key_ = named_key(0, 0, genesis.epoch_key); }

std::optional<seal::VerificationKey> Epochs::named_key(std::uint64_t index, std::uint64_t epoch,
                                                       const std::string& text) {
  auto key = seal::VerificationKey::from_text(text);
  if (key && key->type == seal::SignatureType::Ed25519 &&
      key->name == key_name(trusted_.log_key.name, epoch))
    return std::move(*key);
  findings_.add(Step::Epochs, Verdict::BadEpoch, {.leaf = index},
                "the key of epoch " + std::to_string(epoch) + " cannot be used: " +
                    (key ? "it has the wrong name or type" : key.error().message));
  return std::nullopt;
}

Status Epochs::load_notes(std::uint64_t first) {
  leave_set();
  file_ = "log/epochs/" + number_name(first, 20, ".txt");
  if (!evidence_.epoch_files.contains(first)) return {};
  const auto bytes = evidence_.epochs->read(number_name(first, 20, ".txt"), kSealFileBytesMax);
  if (!bytes) return std::unexpected(bytes.error());
  std::size_t used = 0;
  for (seal::Note& note : seal::parse_notes(*bytes, used)) {
    const auto checkpoint = seal::Checkpoint::from_text(note.text);
    if (!checkpoint || checkpoint->size == 0) break;
    if (checkpoint->size > trusted_.checkpoint.size) continue;
    const std::uint64_t leaf = checkpoint->size - 1;
    const bool is_of_set = leaf - leaf % seal::kLeavesPerFile == first;
    if (!is_of_set || !notes_.try_emplace(checkpoint->size, std::move(note)).second) {
      findings_.add(Step::Epochs, Verdict::BadEpoch, {.leaf = leaf, .file = file_},
                    "a final checkpoint stands twice or in the wrong file");
    }
  }
  return {};
}

/// What nothing asked for belongs to no epoch.
void Epochs::leave_set() {
  if (!notes_.empty()) {
    findings_.add(Step::Epochs, Verdict::BadEpoch,
                  {.leaf = notes_.begin()->first - 1, .file = file_},
                  "a final checkpoint where no epoch ends");
  }
  notes_.clear();
}

Result<std::optional<seal::Hash>> Epochs::take(std::uint64_t index, const seal::Leaf& leaf) {
  if (index % seal::kLeavesPerFile == 0) {
    if (auto loaded = load_notes(index); !loaded) return std::unexpected(loaded.error());
  }
  if (std::exchange(is_over_, false)) {
    key_ = std::move(next_key_);
    leaves_ = 0;
    current_ = next_number_;
  }
  ++leaves_;
  if (leaf.type != seal::LeafType::Epoch) return std::nullopt;

  const auto found = [&](std::string reason) {
    findings_.add(Step::Epochs, Verdict::BadEpoch, {.leaf = index}, std::move(reason));
  };
  const auto number = leaf.number("number").value_or(0);
  if (number != current_)
    found("epoch " + std::to_string(number) + " stands where epoch " + std::to_string(current_) +
          " belongs");
  if (leaf.number("leaves").value_or(0) != leaves_)
    found("the epoch has " + std::to_string(leaves_) + " leaves and says otherwise");
  next_number_ = number + 1;
  next_key_ = named_key(index, next_number_, *leaf.find("next"));
  is_over_ = true;
  return final_checkpoint(index);
}

std::optional<seal::Hash> Epochs::final_checkpoint(std::uint64_t index) {
  const auto note = notes_.find(index + 1);
  if (note == notes_.end()) {
    findings_.add(Step::Epochs, Verdict::Missing, {.leaf = index, .file = file_},
                  "the final checkpoint of epoch " + std::to_string(current_) + " is not there");
    return std::nullopt;
  }
  const auto checkpoint = seal::Checkpoint::from_text(note->second.text);
  check_later(std::move(note->second), index + 1, file_);
  notes_.erase(note);
  return checkpoint->root;
}

void Epochs::check_later(seal::Note note, std::uint64_t size, std::string file) {
  checks_.push_back({std::move(note), key_, size, std::move(file)});
  if (checks_.size() >= kChecksAtOnce) hand_over();
}

void Epochs::hand_over() {
  pool_.submit([checks = std::exchange(checks_, {}), this] {
    for (const Check& one : checks)
      check(one, trusted_, findings_);
  });
}

void Epochs::check(const Check& check, const Trusted& trusted, Findings& findings) {
  const Place place{.leaf = check.size - 1, .file = check.file};
  const bool is_of_log = check.note.text.starts_with(trusted.log_key.name + "\n");
  if (!is_of_log || seal::check_signature(check.note, trusted.log_key) != seal::Signed::Yes) {
    findings.add(Step::Epochs, Verdict::BadSignature, place,
                 "a final checkpoint has no valid signature of the log key");
    return;
  }
  if (!check.epoch_key) return;  // told where it is named
  switch (seal::check_signature(check.note, *check.epoch_key)) {
    case seal::Signed::Yes: return;
    case seal::Signed::No:
      return findings.add(Step::Epochs, Verdict::BadEpoch, place,
                          "the checkpoint is not signed by " + check.epoch_key->name);
    case seal::Signed::Wrong:
      return findings.add(Step::Epochs, Verdict::BadEpoch, place,
                          "the signature by " + check.epoch_key->name + " is wrong");
  }
}

void Epochs::end() {
  leave_set();
  check_later(trusted_.note, trusted_.checkpoint.size, "log/checkpoint");
  hand_over();
}

}  // namespace alibi::verify
