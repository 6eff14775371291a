#include "disclose/third_parties.hpp"

#include <algorithm>
#include <map>

#include "event/number.hpp"
#include "seal/leaf_log.hpp"
#include "store/disk.hpp"

namespace alibi::disclose {
namespace {

constexpr std::uint64_t kTokenBytesMax = 64U << 10;
/// A quorum may need several notes.
constexpr std::size_t kNotesAfter = 3;

std::uint64_t size_of(const seal::Note& note) {
  const auto checkpoint = seal::Checkpoint::from_text(note.text);
  return checkpoint ? checkpoint->size : 0;
}

/// Which of the sizes at which somebody answered are told: all within the content,
/// the nearest that cover it, the newest, and the one of the receipt before it.
std::set<std::uint64_t> choose_sizes(const std::set<std::uint64_t>& sizes, LeafChoice::Span content,
                                     bool has_interval) {
  std::set<std::uint64_t> chosen;
  auto after = sizes.upper_bound(content.last);  // size s covers leaf s - 1
  if (has_interval) chosen.insert(sizes.upper_bound(content.first), after);
  for (std::size_t i = 0; i < kNotesAfter && after != sizes.end(); ++i, ++after)
    chosen.insert(*after);
  if (!sizes.empty()) chosen.insert(*sizes.rbegin());
  return chosen;
}

Status add_finals(const seal::SealLayout& layout, LeafChoice::Span interval, std::uint64_t size,
                  ThirdParties& out) {
  const std::uint64_t first = interval.first - interval.first % seal::kLeavesPerFile;
  for (std::uint64_t set = first; set <= interval.last; set += seal::kLeavesPerFile) {
    auto notes = seal::read_note_set(store::real_disk(), layout.epochs(set));
    if (!notes) return std::unexpected(notes.error());
    for (seal::Note& note : *notes) {
      const std::uint64_t covered = size_of(note);
      if (covered > interval.first && covered <= interval.last + 1 && covered <= size)
        out.finals.push_back(std::move(note));
    }
  }
  return {};
}

/// The notes that can be chosen: of the sets around what is shown, and of the newest.
Result<std::vector<seal::Note>> read_cosigned(const seal::SealLayout& layout,
                                              const LeafChoice& choice, std::uint64_t size) {
  const LeafChoice::Span content = choice.content(size);
  const auto sets = seal::list_cosigned(store::real_disk(), layout);
  if (!sets) return std::unexpected(sets.error());
  const auto& before = choice.cosigned_before();
  std::vector<seal::Note> notes;
  std::size_t after = 0;
  for (const std::uint64_t set : *sets) {
    const std::uint64_t end = set + seal::kLeavesPerFile;
    const bool has_before = before && before->size > set && before->size <= end;
    const bool is_near = end > content.first && after < kNotesAfter;
    if (!has_before && !is_near && set != sets->back()) continue;
    auto some = seal::read_note_set(store::real_disk(), layout.cosigned(set));
    if (!some) return some;
    for (seal::Note& note : *some) {
      const std::uint64_t covered = size_of(note);
      if (covered > content.last && covered <= size) ++after;
      notes.push_back(std::move(note));
    }
  }
  return notes;
}

Status add_cosigned(const seal::SealLayout& layout, const LeafChoice& choice, std::uint64_t size,
                    ThirdParties& out) {
  auto notes = read_cosigned(layout, choice, size);
  if (!notes) return std::unexpected(notes.error());
  std::set<std::uint64_t> sizes;
  for (const seal::Note& note : *notes) {
    const std::uint64_t covered = size_of(note);
    if (covered != 0 && covered <= size) sizes.insert(covered);
  }
  const auto& before = choice.cosigned_before();
  const auto chosen = choose_sizes(sizes, choice.content(size), choice.interval(size).has_value());
  for (seal::Note& note : *notes) {
    const bool is_before = before && seal::sha256(note.to_text()).to_hex() == before->sha256;
    if (!is_before && !chosen.contains(size_of(note))) continue;
    if (is_before) out.leaves.insert(before->leaf);
    out.leaves.insert(size_of(note) - 1);
    out.cosigned.push_back(std::move(note));
  }
  return {};
}

/// The size in SIZE-NAME.tsr.
std::optional<std::uint64_t> token_size(std::string_view name) {
  const auto dash = name.find('-');
  if (dash == std::string_view::npos || !name.ends_with(".tsr")) return std::nullopt;
  return event::parse_number<std::uint64_t>(name.substr(0, dash));
}

/// Sizes of the tokens in log/receipts, by the names of their files.
Result<std::map<std::string, std::uint64_t>> list_tokens(const seal::SealLayout& layout) {
  std::map<std::string, std::uint64_t> names;
  const auto entries = store::real_disk().list(layout.receipts());
  if (!entries && entries.error().code == Errc::NotFound) return names;
  if (!entries) return std::unexpected(entries.error());
  for (const auto& entry : *entries) {
    const auto covered = token_size(entry.name);
    if (covered && *covered != 0) names.emplace(entry.name, *covered);
  }
  return names;
}

Status add_tokens(const seal::SealLayout& layout, const LeafChoice& choice, std::uint64_t size,
                  ThirdParties& out) {
  auto names = list_tokens(layout);
  if (!names) return std::unexpected(names.error());
  std::erase_if(*names, [&](const auto& entry) { return entry.second > size; });
  std::set<std::uint64_t> sizes;
  for (const auto& [name, covered] : *names)
    sizes.insert(covered);
  const auto& before = choice.stamped_before();
  const auto chosen = choose_sizes(sizes, choice.content(size), choice.interval(size).has_value());
  for (const auto& [name, covered] : *names) {
    const bool may_be_before = before && before->size == covered;
    if (!may_be_before && !chosen.contains(covered)) continue;
    auto bytes = store::read_file(store::real_disk(), layout.receipts() / name, kTokenBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    const bool is_before = may_be_before && seal::sha256(*bytes).to_hex() == before->sha256;
    if (!is_before && !chosen.contains(covered)) continue;
    if (is_before) out.leaves.insert(before->leaf);
    out.leaves.insert(covered - 1);
    out.tokens.push_back({name, covered, std::move(*bytes)});
  }
  return {};
}

}  // namespace

Result<FirstAnswers> first_answers(const seal::SealLayout& layout) {
  FirstAnswers first;
  const auto sets = seal::list_cosigned(store::real_disk(), layout);
  if (!sets) return std::unexpected(sets.error());
  if (!sets->empty()) first.cosigned = sets->front();
  const auto names = list_tokens(layout);
  if (!names) return std::unexpected(names.error());
  for (const auto& [name, covered] : *names)
    first.stamped = std::min(first.stamped.value_or(covered), covered);
  return first;
}

Result<ThirdParties> find_third_parties(const seal::SealLayout& layout, const LeafChoice& choice,
                                        std::uint64_t size) {
  ThirdParties out;
  auto done = Status{};
  if (const auto interval = choice.interval(size)) done = add_finals(layout, *interval, size, out);
  if (done) done = add_cosigned(layout, choice, size, out);
  if (done) done = add_tokens(layout, choice, size, out);
  if (!done) return std::unexpected(done.error());
  for (const seal::Note& note : out.finals)
    out.leaves.insert(size_of(note) - 1);
  return out;
}

}  // namespace alibi::disclose
