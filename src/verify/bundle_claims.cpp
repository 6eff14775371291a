#include "verify/bundle_claims.hpp"

#include <algorithm>
#include <set>

#include "event/record.hpp"
#include "seal/item.hpp"

namespace alibi::verify {
namespace {

using seal::LeafType;

class IntervalCheck {
 public:
  IntervalCheck(const Bundle& bundle, const Claims::Interval& interval, std::uint64_t size,
                std::uint64_t epoch_ms, Findings& findings)
      : bundle_(bundle), claim_(interval), size_(size), epoch_ms_(epoch_ms), findings_(findings) {}

  void run() {
    if (claim_.first_leaf > claim_.last_leaf || claim_.last_leaf >= size_ ||
        claim_.to < claim_.from)
      return missing(claim_.last_leaf, "the interval is none of this log");
    check_leaves();
    check_ends();
    check_inside();
  }

 private:
  void missing(std::uint64_t leaf, std::string reason) {
    findings_.add(Step::Content, Verdict::Missing, {.leaf = leaf, .file = "claims.csv"},
                  "interval: " + std::move(reason));
  }

  [[nodiscard]] const seal::Leaf* find(std::uint64_t index) const {
    const auto shown = bundle_.leaves.find(index);
    return shown == bundle_.leaves.end() ? nullptr : &shown->second.leaf;
  }

  void check_leaves() {
    std::uint64_t next = claim_.first_leaf;
    for (auto shown = bundle_.leaves.lower_bound(next);
         shown != bundle_.leaves.end() && shown->first == next && next <= claim_.last_leaf; ++shown)
      ++next;
    if (next <= claim_.last_leaf) missing(next, "this leaf is not shown");
  }

  void check_ends() {
    const seal::Leaf* before = claim_.first_leaf > 0 ? find(claim_.first_leaf - 1) : nullptr;
    if (claim_.first_leaf > 0 &&
        (!before || before->type != LeafType::Epoch || before->time > claim_.from))
      missing(claim_.first_leaf - 1, "the leaf before it ends no epoch, or is later than it");
    const seal::Leaf* last = find(claim_.last_leaf);
    const auto epoch_ns = static_cast<std::int64_t>(epoch_ms_ * 1'000'000);
    if (last && claim_.last_leaf + 1 < size_ &&
        (last->type != LeafType::Epoch || last->time.ns - epoch_ns < claim_.to.ns))
      missing(claim_.last_leaf, "its last leaf ends no epoch, or is too early");
  }

  void check_inside() {
    std::set<std::uint64_t> finals;
    for (const auto& note : bundle_.finals) {
      if (const auto checkpoint = seal::Checkpoint::from_text(note.text))
        finals.insert(checkpoint->size);
    }
    for (const auto& [index, shown] : bundle_.leaves) {
      const bool is_inside = claim_.first_leaf <= index && index <= claim_.last_leaf;
      if (is_inside && shown.leaf.type == LeafType::Epoch && !finals.contains(index + 1))
        missing(index, "the final checkpoint of this epoch is not shown");
      if (shown.leaf.type == LeafType::Block) check_block(index, shown.leaf, is_inside);
    }
  }

  void check_block(std::uint64_t index, const seal::Leaf& leaf, bool is_inside) {
    const auto block = seal::BlockLeaf::from_leaf(leaf);
    if (!block || block->from > claim_.to || block->to < claim_.from) return;
    if (!is_inside) return missing(index, "a block of that time is outside of it");
    if (block->stream == seal::Stream::Events && !bundle_.items.contains(index))
      missing(index, "nothing covers the records of this block");
  }

  const Bundle& bundle_;
  const Claims::Interval& claim_;
  std::uint64_t size_;
  std::uint64_t epoch_ms_;
  Findings& findings_;
};

std::optional<std::size_t> column_of(std::string_view header, std::string_view name) {
  const auto names = seal::split_fields(header);
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

/// A field without the quotes that a comma asks for.
std::string_view unquoted(std::string_view field) {
  if (field.size() >= 2 && field.starts_with('"') && field.ends_with('"'))
    return field.substr(1, field.size() - 2);
  return field;
}

bool has_pair(std::string_view extra, std::string_view pair) {
  while (!extra.empty()) {
    const auto end = std::min(extra.find(' '), extra.size());
    if (extra.substr(0, end) == pair) return true;
    extra.remove_prefix(std::min(end + 1, extra.size()));
  }
  return false;
}

void check_process(const Claims::Process& claim, const std::string& header,
                   const std::vector<std::string>& records, Findings& findings) {
  const auto missing = [&](std::string reason, std::optional<std::uint64_t> record = {}) {
    findings.add(Step::Content, Verdict::Missing, {.file = "claims.csv", .record = record},
                 "process " + claim.process + ": " + std::move(reason));
  };
  const auto process = column_of(header, "process");
  const auto process_seq = column_of(header, "process_seq");
  const auto extra = column_of(header, "extra");
  if (!process || !process_seq || !extra) return missing("records.csv has no such columns");
  std::map<std::uint64_t, const std::string*> found;
  for (const std::string& line : records) {
    const auto fields = seal::split_fields(line);
    if (fields.size() <= std::max({*process, *process_seq, *extra})) continue;
    const auto number = read_number(fields[*process_seq]);
    if (fields[*process] == claim.process && number) found[*number] = &line;
  }
  std::uint64_t next = 1;
  for (auto record = found.find(1); record != found.end() && record->first == next; ++record)
    ++next;
  if (next <= claim.last) return missing("record " + std::to_string(next) + " of it is not shown");
  const auto last = seal::split_fields(*found.at(claim.last));
  const bool is_last = has_pair(unquoted(last[*extra]), "records=" + std::to_string(claim.last));
  if (found.size() != claim.last || (!claim.is_open && !is_last))
    missing("record " + std::to_string(claim.last) + " is not its last one", read_number(last[0]));
}

}  // namespace

void check_claims(const Bundle& bundle, const std::vector<std::string>& records, std::uint64_t size,
                  std::uint64_t epoch_ms, Findings& findings) {
  if (bundle.claims.interval)
    IntervalCheck(bundle, *bundle.claims.interval, size, epoch_ms, findings).run();
  for (const auto& process : bundle.claims.processes)
    check_process(process, bundle.header, records, findings);
}

std::string claim_text(const Claims& claims) {
  std::string text;
  if (claims.interval) {
    text = "complete from " + event::to_text(claims.interval->from) + " to " +
           event::to_text(claims.interval->to) +
           ": nothing is missing, what is withheld is counted";
  }
  for (const auto& process : claims.processes) {
    text += (text.empty() ? "" : "; ") + std::string("all records of process ") + process.process +
            " up to its " + std::to_string(process.last) + "th" +
            (process.is_open ? ", after which it lived on" : ", its last");
  }
  return text.empty() ? "a sample: other records may be withheld" : text;
}

}  // namespace alibi::verify
