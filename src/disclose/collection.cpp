#include "disclose/collection.hpp"

#include <algorithm>
#include <utility>

#include "disclose/leaf_search.hpp"
#include "disclose/packet_choice.hpp"
#include "event/csv.hpp"
#include "seal/leaf_log.hpp"
#include "store/disk.hpp"

namespace alibi::disclose {

Result<Genesis> read_genesis(const seal::SealLayout& layout) {
  std::string line;
  const auto end = seal::for_each_leaf(store::real_disk(), layout, 0, 1,
                                       [&](std::uint64_t, std::string_view first) {
                                         line = first;
                                         return true;
                                       });
  if (!end) return std::unexpected(end.error());
  if (*end == 0)
    return fail(Errc::NotFound, layout.directory.string() +
                                    " has no seal, so nothing in it can be proved; `alibi init` "
                                    "begins one for what is recorded from then on");
  const auto leaf = seal::Leaf::from_line(line);
  if (!leaf) return during("genesis", leaf.error());
  Genesis genesis{.time = leaf->time};
  const auto origin = leaf->text("origin");
  const auto hideable = leaf->text("hideable");
  const auto epoch_ms = leaf->number("epoch_ms");
  if (leaf->type != seal::LeafType::Genesis || !origin || !hideable || !epoch_ms)
    return fail(Errc::Corrupt, "the first leaf is no genesis; see `alibi verify`");
  genesis.origin = *origin;
  genesis.hideable = *hideable;
  genesis.epoch_ms = *epoch_ms;
  return genesis;
}

Collection::Collection(const Request& request, const Genesis& genesis)
    : request_(request),
      layout_(seal::SealLayout::of(request.log)),
      genesis_(genesis),
      leaves_(request.from, request.to, genesis.epoch_ms),
      events_(layout_, seal::Stream::Events, request.identity),
      packets_(layout_, seal::Stream::Packets, request.identity),
      first_time_(genesis.time),
      last_time_(genesis.time) {}

Status Collection::learn_columns() {
  auto columns = ColumnChoice::from(genesis_.hideable, event::csv_header(), request_.hide);
  if (!columns) return std::unexpected(columns.error());
  auto lines = LineChoice::from(request_, columns->columns);
  if (!lines) return std::unexpected(lines.error());
  columns_ = std::move(*columns);
  lines_ = std::move(*lines);
  return {};
}

Status Collection::prepare() {
  if (!columns_) {
    if (auto done = learn_columns(); !done) return done;
  }
  if (request_.with_packets && !numbers_) {
    auto numbers = choose_packets(request_);
    if (!numbers) return during("packets", numbers.error());
    numbers_ = std::move(*numbers);
  }
  return {};
}

Status Collection::take_leaves(std::uint64_t from, std::uint64_t to) {
  if (auto done = prepare(); !done) return done;
  Status done;
  const auto end = seal::for_each_leaf(store::real_disk(), layout_, from, to,
                                       [&](std::uint64_t index, std::string_view line) {
                                         done = take(index, line);
                                         return done.has_value();
                                       });
  if (!end) return std::unexpected(end.error());
  if (!done) return done;
  if (*end != to)
    return fail(Errc::Corrupt, "leaf " + std::to_string(*end) + " is missing; see `alibi verify`");
  return {};
}

Status Collection::take_each(seal::LeafTree& leaves, const std::set<std::uint64_t>& indexes) {
  for (const std::uint64_t index : indexes) {
    const auto line = leaves.line(index);
    if (!line) return std::unexpected(line.error());
    if (auto done = take(index, *line); !done) return done;
  }
  return {};
}

Status Collection::take_records(seal::LeafTree& leaves) {
  if (auto done = prepare(); !done) return done;
  const auto found = find_leaves(leaves, layout_, request_.records);
  if (!found) return std::unexpected(found.error());
  return take_each(leaves, *found);
}

Status Collection::take_last_epochs(seal::LeafTree& leaves) {
  is_covering_ = true;
  const auto found = find_last_epochs(leaves);
  if (!found) return std::unexpected(found.error());
  return take_each(leaves, *found);
}

Status Collection::cover_leaves(std::uint64_t from, std::uint64_t to) {
  is_covering_ = true;
  return take_leaves(from, to);
}

Status Collection::take(std::uint64_t index, std::string_view line) {
  const auto leaf = seal::Leaf::from_line(line);
  if (!leaf) return during("leaf " + std::to_string(index), leaf.error());
  if (leaf->type != seal::LeafType::Block) {
    leaves_.take(index, *leaf, false);
    return {};
  }
  const auto block = seal::BlockLeaf::from_leaf(*leaf);
  if (!block) return during("leaf " + std::to_string(index), block.error());
  const bool meets = lines_->meets(*block);
  leaves_.take(index, *leaf, meets);
  return block->stream == seal::Stream::Events ? take_events(index, *block)
                                               : take_packets(index, *block);
}

Result<ShownBlock> Collection::show(std::uint64_t index, const seal::BlockLeaf& block,
                                    PlainBytes& source, std::string_view bytes,
                                    std::vector<std::uint64_t> items) {
  const auto seed = source.seed(block);
  if (!seed) return std::unexpected(seed.error());
  return show_block(index, block, bytes, *seed, *columns_, std::move(items));
}

void Collection::add(ShownBlock block) {
  leaves_.add_block(block.leaf);
  const std::uint64_t leaf = block.leaf;
  blocks_.emplace(leaf, std::move(block));
}

Status Collection::take_events(std::uint64_t index, const seal::BlockLeaf& block) {
  if (!is_covering_ && block.first != 0) {
    first_time_ = std::min(first_time_, block.from);
    last_time_ = std::max(last_time_, block.to);
  }
  const bool is_demanded = lines_->meets(block);
  if (!is_demanded && (is_covering_ || !lines_->can_have(block))) return {};
  const auto bytes = events_.read(block);
  if (!bytes) return std::unexpected(bytes.error());
  auto items = is_covering_ ? std::vector<std::uint64_t>{} : lines_->take(block, *bytes);
  if (!is_demanded && items.empty()) return {};
  auto shown = show(index, block, events_, *bytes, std::move(items));
  if (!shown) return std::unexpected(shown.error());
  add(std::move(*shown));
  return {};
}

/// A block is read when it has a packet that is wanted, and those before it in the same file
/// then, because interfaces and processes may be described there.
Status Collection::take_packets(std::uint64_t index, const seal::BlockLeaf& block) {
  if (!numbers_ || is_covering_) return {};
  if (!waiting_.empty() && waiting_.back().second.segment != block.segment) waiting_.clear();
  waiting_.emplace_back(index, block);
  const auto next = numbers_->lower_bound(block.first);
  if (next == numbers_->end() || *next > block.last) return {};
  for (const auto& [leaf, waiting] : std::exchange(waiting_, {})) {
    if (auto done = show_packets(leaf, waiting); !done) return done;
  }
  return {};
}

Status Collection::show_packets(std::uint64_t index, const seal::BlockLeaf& block) {
  const auto bytes = packets_.read(block);
  if (!bytes) return std::unexpected(bytes.error());
  auto items = packet_items(*numbers_, *bytes);
  if (items.empty()) return {};
  auto shown = show(index, block, packets_, *bytes, std::move(items));
  if (!shown) return std::unexpected(shown.error());
  add(std::move(*shown));
  return {};
}

Status Collection::check() const {
  if (const auto missing = lines_->records_not_met(); !missing.empty())
    return fail(Errc::NotFound,
                "record " + std::to_string(missing.front()) + " is not sealed, or not in this log");
  if (const auto claims = lines_->claims(); !claims) return std::unexpected(claims.error());
  if (request_.has_interval() && !leaves_.has_met())
    return fail(Errc::NotFound, "the interval has no sealed records");
  const bool has_any =
      std::ranges::any_of(blocks_, [](const auto& entry) { return entry.second.shown != 0; });
  if (!has_any) return fail(Errc::NotFound, "no sealed record matches");
  return {};
}

}  // namespace alibi::disclose
