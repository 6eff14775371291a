// How a writer of the log takes over from the one before it, which may have
// ended at any moment: docs/seal-format.md sections 7 and 8.

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "seal/chain.hpp"
#include "seal/identity.hpp"
#include "seal/leaf_log.hpp"
#include "store/quarantine.hpp"

namespace alibi::seal {
namespace {

constexpr std::uint64_t kSmallFileBytes = 64ULL << 10;
constexpr std::uint64_t kLeavesBytesMax = kLeavesPerFile * kLeafBytesMax;
constexpr std::uint64_t kNotesBytesMax = 256ULL << 20;

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::unexpected<Error> refuse(std::string_view why) {
  return fail(Errc::Corrupt, fmt::format("{}: nothing more is sealed with this identity; see "
                                         "\"WHEN A LOG WAS SET BACK\" in alibi-init(1)",
                                         why));
}

/// The first leaf of the newest file of leaves.
Result<std::uint64_t> newest_file(store::Disk& disk, const SealLayout& layout) {
  const auto entries = disk.list(layout.leaves(0).parent_path());
  if (!entries) return std::unexpected(entries.error());
  std::string newest;
  for (const auto& entry : *entries)
    if (entry.name.ends_with(".csv") && entry.name > newest) newest = entry.name;
  if (newest.empty()) return fail(Errc::Corrupt, "log/leaves is empty");
  const std::uint64_t first = std::strtoull(newest.c_str(), nullptr, 10);
  if (layout.leaves(first).filename() != newest)
    return fail(Errc::Corrupt, "log/leaves has a file that is not of this log: " + newest);
  return first;
}

}  // namespace

Result<Chain> Chain::open(store::Disk& disk, const SealLayout& layout) {
  const auto origin = store::read_file(disk, layout.origin(), kSmallFileBytes);
  if (!origin) return std::unexpected(origin.error());
  auto log_key = read_log_key(disk, layout);
  if (!log_key) return during("the key of the log", log_key.error());
  if (log_key->verification_key().name != first_line(*origin))
    return fail(Errc::Corrupt, layout.secret().string() + " has the key of another log");
  auto keys = EpochKeyFile::open(disk, layout.epoch_key(), std::string(first_line(*origin)));
  if (!keys) return std::unexpected(keys.error());
  Chain chain(disk, layout, std::move(*log_key), std::move(*keys));
  if (auto done = chain.resume(); !done) return std::unexpected(done.error());
  return chain;
}

Status Chain::resume() {
  const auto checkpoint = read_checkpoint();
  if (!checkpoint) return std::unexpected(checkpoint.error());
  const auto size = take_leaves(checkpoint->size);
  if (!size) return std::unexpected(size.error());
  if (auto done = read_positions(*size); !done) return done;
  if (auto done = take_tree(*checkpoint); !done) return done;
  const auto last_final = take_final_notes();
  if (!last_final) return std::unexpected(last_final.error());
  return take_keys(*last_final);
}

Result<Checkpoint> Chain::read_checkpoint() {
  auto text = store::read_file(*disk_, layout_.checkpoint(), kNoteBytesMax);
  if (!text) return std::unexpected(text.error());
  const auto note = parse_note(*text);
  if (!note) return during(layout_.checkpoint().string(), note.error());
  auto checkpoint = Checkpoint::from_text(note->text);
  if (!checkpoint) return during(layout_.checkpoint().string(), checkpoint.error());
  if (checkpoint->origin != origin() ||
      check_signature(*note, log_key_.verification_key()) != Signed::Yes)
    return refuse(layout_.checkpoint().string() + " is not signed by this log");
  note_ = std::move(*text);
  is_note_written_ = true;
  return checkpoint;
}

/// Cuts off what is torn; what the checkpoint covers must be there. How many there are.
Result<std::uint64_t> Chain::take_leaves(std::uint64_t sealed) {
  const auto first = newest_file(*disk_, layout_);
  if (!first) return std::unexpected(first.error());
  const auto path = layout_.leaves(*first);
  const auto bytes = store::read_file(*disk_, path, kLeavesBytesMax);
  if (!bytes) return std::unexpected(bytes.error());
  std::uint64_t size = *first;
  std::size_t whole = 0;
  for (std::size_t end = 0; size < *first + kLeavesPerFile; ++size, whole = end) {
    end = bytes->find('\n', whole) + 1;
    if (end == 0) break;
    if (size >= sealed && !Leaf::from_line(std::string_view(*bytes).substr(whole, end - whole)))
      break;
  }
  if (size < sealed)
    return refuse(
        fmt::format("log/leaves has {} leaves, and log/checkpoint is of {}", size, sealed));
  const auto torn = store::move_torn_tail(*disk_, store::Layout{layout_.directory}, path, whole);
  if (!torn) return std::unexpected(torn.error());
  bytes_cut_ += torn->bytes;
  leaves_ = AppendFile(*disk_, path, whole);
  // What a killed writer left is in the page cache, perhaps not on the disk.
  const auto fd = disk_->open(path, O_RDWR);
  if (!fd) return std::unexpected(fd.error());
  if (auto done = disk_->sync_data(fd->get()); !done) return std::unexpected(done.error());
  return size;
}

Status Chain::read_positions(std::uint64_t size) {
  Status wrong;
  const auto add_leaf = [&](std::uint64_t index, std::string_view line) {
    const auto leaf = Leaf::from_line(line);
    wrong = leaf ? positions_.add(*leaf) : std::unexpected(leaf.error());
    if (!wrong) wrong = during(fmt::format("leaf {}", index), wrong.error());
    if (index == 0 && leaf) genesis_ = *leaf;
    return wrong.has_value();
  };
  const auto read = [&](std::uint64_t from, std::uint64_t to) -> Status {
    const auto end = for_each_leaf(*disk_, layout_, from, to, add_leaf);
    if (!end) return std::unexpected(end.error());
    if (wrong && *end != to) return refuse("a file in log/leaves is not complete");
    return wrong;
  };
  if (auto done = read(0, 1); !done) return done;
  if (genesis_.type != LeafType::Genesis || genesis_.find("origin") == nullptr ||
      *genesis_.find("origin") != origin())
    return refuse("the first leaf is not of this log");
  const auto text = store::read_file(*disk_, layout_.secret() / "positions", kLeavesBytesMax);
  auto known = text ? Positions::from_text(*text) : std::nullopt;
  if (known && known->size > 1 && known->size <= size && known->epoch > 0) {
    // The leaf it ends with is read again: it must be what was remembered.
    const Positions from_start = std::exchange(positions_, *known);
    --positions_.size;
    --positions_.epoch;
    if (read(known->size - 1, size) && positions_.epoch >= known->epoch) return {};
    positions_ = from_start;
    wrong = {};
  }
  return read(1, size);
}

Status Chain::take_tree(const Checkpoint& checkpoint) {
  const auto has_root = [&] { return tiles_.tree().root() == checkpoint.root; };
  if (!tiles_.resume(checkpoint.size) || !has_root()) {
    if (auto done = tiles_.rebuild(checkpoint.size); !done) return done;
    if (!has_root()) return refuse("the leaves are not those that log/checkpoint is of");
  }
  const auto end = for_each_leaf(*disk_, layout_, checkpoint.size, size(), [&](auto, auto line) {
    tiles_.append(line);
    return true;
  });
  if (!end) return std::unexpected(end.error());
  tree_ = tiles_.tree();
  is_note_stale_ = size() != checkpoint.size;
  return {};
}

/// The last final checkpoint in the newest set, what is torn behind it cut off.
Result<std::optional<Note>> Chain::take_final_notes() {
  const auto path = layout_.epochs(size() - 1);
  finals_ = AppendFile(*disk_, path, 0);
  const auto bytes = store::read_file(*disk_, path, kNotesBytesMax);
  if (!bytes && bytes.error().code == Errc::NotFound) return std::nullopt;
  if (!bytes) return std::unexpected(bytes.error());
  std::size_t whole = 0;
  auto notes = parse_notes(*bytes, whole);
  // Torn between its two signatures a note looks whole.
  if (!notes.empty() && notes.back().signatures.size() < 2) {
    whole -= notes.back().to_text().size();
    notes.pop_back();
  }
  const auto torn = store::move_torn_tail(*disk_, store::Layout{layout_.directory}, path, whole);
  if (!torn) return std::unexpected(torn.error());
  bytes_cut_ += torn->bytes;
  finals_ = AppendFile(*disk_, path, whole);
  return notes.empty() ? std::nullopt : std::optional(std::move(notes.back()));
}

Status Chain::take_keys(const std::optional<Note>& last_final) {
  auto slots = keys_.read();
  if (!slots) return std::unexpected(slots.error());
  const auto take = [&](std::uint64_t epoch) -> std::optional<SigningKey> {
    const auto slot = std::ranges::find(*slots, epoch, &EpochKeyFile::Slot::epoch);
    if (slot == slots->end()) return std::nullopt;
    return std::move(slot->key);
  };
  const std::uint64_t current = positions_.epoch;  // of the next leaf
  if (!slots->empty() && slots->back().epoch > current + 1)
    return refuse(fmt::format("secret/epoch.key is of epoch {}, and the leaves end in epoch {}",
                              slots->back().epoch, current));
  auto key = take(current);
  if (!key) return refuse(fmt::format("secret/epoch.key has no key of epoch {}", current));
  if (key->verification_key().to_text() != positions_.next_key)
    return refuse(fmt::format("the key of epoch {} is not the one the leaves name", current));
  if (!positions_.ended_epoch) {
    // A key for the next epoch was made, and not named yet.
    if (auto done = keys_.erase(current + 1); !done) return done;
    key_ = std::move(*key);
    key_epoch_ = current;
    return {};
  }
  const auto final_checkpoint =
      last_final ? Checkpoint::from_text(last_final->text) : fail(Errc::NotFound, "none");
  const bool has_final = final_checkpoint && final_checkpoint->size == size();
  auto ending = take(*positions_.ended_epoch);
  if (!ending && !has_final)
    return refuse(fmt::format("epoch {} has no final checkpoint", *positions_.ended_epoch));
  if (has_final) {
    note_ = last_final->to_text();
    is_note_stale_ = false;
    is_note_written_ = false;
  }
  if (!ending) {
    if (auto done = keys_.erase(current + 1); !done) return done;
    key_ = std::move(*key);
    key_epoch_ = current;
    return {};
  }
  key_ = std::move(*ending);
  key_epoch_ = *positions_.ended_epoch;
  next_key_ = std::move(*key);
  step_ = has_final ? Step::FinalWritten : Step::LeafWritten;
  return {};
}

}  // namespace alibi::seal
