#include "disclose/third_parties.hpp"

#include <algorithm>
#include <map>

#include "event/number.hpp"
#include "seal/leaf_log.hpp"
#include "store/disk.hpp"

namespace alibi::disclose {
namespace {

constexpr std::uint64_t kNotesBytesMax = 256ULL << 20;
constexpr std::uint64_t kTokenBytesMax = 64U << 10;
/// A quorum may need several notes.
constexpr std::size_t kNotesAfter = 3;

/// The notes of the set that leaf `index` belongs to; none where there is no file.
Result<std::vector<seal::Note>> read_set(const std::filesystem::path& path) {
  const auto bytes = store::read_file(store::real_disk(), path, kNotesBytesMax);
  if (!bytes && bytes.error().code == Errc::NotFound) return std::vector<seal::Note>{};
  if (!bytes) return std::unexpected(bytes.error());
  std::size_t used = 0;
  return seal::parse_notes(*bytes, used);
}

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
    auto notes = read_set(layout.epochs(set));
    if (!notes) return std::unexpected(notes.error());
    for (seal::Note& note : *notes) {
      const std::uint64_t covered = size_of(note);
      if (covered > interval.first && covered <= interval.last + 1 && covered <= size)
        out.finals.push_back(std::move(note));
    }
  }
  return {};
}

Status add_cosigned(const seal::SealLayout& layout, const LeafChoice& choice, std::uint64_t size,
                    ThirdParties& out) {
  auto notes = seal::read_cosigned_notes(store::real_disk(), layout);
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

Status add_tokens(const seal::SealLayout& layout, const LeafChoice& choice, std::uint64_t size,
                  ThirdParties& out) {
  store::Disk& disk = store::real_disk();
  auto entries = disk.list(layout.receipts());
  if (!entries && entries.error().code == Errc::NotFound) return {};
  if (!entries) return std::unexpected(entries.error());
  std::set<std::uint64_t> sizes;
  std::map<std::string, std::uint64_t> names;
  for (const auto& entry : *entries) {
    const auto covered = token_size(entry.name);
    if (!covered || *covered == 0 || *covered > size) continue;
    sizes.insert(*covered);
    names.emplace(entry.name, *covered);
  }
  const auto& before = choice.stamped_before();
  const auto chosen = choose_sizes(sizes, choice.content(size), choice.interval(size).has_value());
  for (const auto& [name, covered] : names) {
    const bool may_be_before = before && before->size == covered;
    if (!may_be_before && !chosen.contains(covered)) continue;
    auto bytes = store::read_file(disk, layout.receipts() / name, kTokenBytesMax);
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
