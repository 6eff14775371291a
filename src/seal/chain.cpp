#include "seal/chain.hpp"

#include "base/check.hpp"
#include "store/quarantine.hpp"

namespace alibi::seal {
namespace {

constexpr std::uint64_t kNotesBytesMax = 256ULL << 20;

}  // namespace

Chain::Chain(store::Disk& disk, SealLayout layout, SigningKey log_key, EpochKeyFile keys)
    : disk_(&disk),
      layout_(std::move(layout)),
      log_key_(std::move(log_key)),
      keys_(std::move(keys)),
      tiles_(disk, layout_),
      leaves_(disk, layout_.leaves(0), 0),
      finals_(disk, layout_.epochs(0), 0) {}

Status Chain::append(std::span<const Leaf> leaves) {
  ALIBI_CHECK(can_append() && leaves.size() <= room());
  if (leaves.empty()) return {};
  Positions next = positions_;
  std::string text;
  std::vector<std::string> lines;
  for (const Leaf& leaf : leaves) {
    if (auto done = next.add(leaf); !done) return done;
    lines.push_back(leaf.to_line());
    text += lines.back();
  }
  if (leaves_.path() != layout_.leaves(size()))
    leaves_ = AppendFile(*disk_, layout_.leaves(size()), 0);
  if (auto done = leaves_.append(text); !done) return done;
  for (const auto& line : lines) {
    tree_.append(leaf_hash(line));
    tiles_.append(line);
  }
  positions_ = std::move(next);
  is_note_stale_ = true;
  // They can be made again, so this is no error of the append.
  (void)tiles_.write_complete();
  return {};
}

std::string Chain::signed_note() const {
  Note note;
  note.text = Checkpoint{origin(), size(), tree_.root()}.to_text();
  note.signatures = {sign_note(log_key_, note.text), sign_note(*key_, note.text)};
  return note.to_text();
}

Status Chain::write_checkpoint() {
  if (is_note_stale_) {
    note_ = signed_note();
    is_note_stale_ = false;
    is_note_written_ = false;
  }
  if (is_note_written_) return {};
  if (auto done = store::write_file(*disk_, layout_.checkpoint(), note_); !done) return done;
  is_note_written_ = true;
  return {};
}

Status Chain::keep_checkpoint() {
  if (auto done = write_checkpoint(); !done) return done;
  return disk_->sync_directory(layout_.log());
}

Status Chain::end_epoch(const MakeLeaf& make) {
  if (step_ == Step::None) {
    if (!next_key_) next_key_ = SigningKey::generate(epoch_key_name(origin(), key_epoch_ + 1));
    if (auto done = keys_.write(key_epoch_ + 1, *next_key_); !done) return done;
    step_ = Step::KeyWritten;
  }
  if (step_ == Step::KeyWritten) {
    const Leaf leaf =
        make(LeafType::Epoch, {{"number", std::to_string(key_epoch_)},
                               {"leaves", std::to_string(positions_.epoch_leaves + 1)},
                               {"next", next_key_->verification_key().to_text()}});
    if (auto done = append({&leaf, 1}); !done) return done;
    step_ = Step::LeafWritten;
  }
  if (step_ == Step::LeafWritten) {
    const std::string final_note = signed_note();
    const auto path = layout_.epochs(size() - 1);
    if (finals_.path() != path) finals_ = AppendFile(*disk_, path, 0);
    if (auto done = finals_.append(final_note); !done) return done;
    note_ = final_note;
    is_note_stale_ = false;
    is_note_written_ = false;
    step_ = Step::FinalWritten;
  }
  // The other way round the log would look as if it had been set back, if it ended here.
  if (auto done = keep_checkpoint(); !done) return done;
  if (auto done = keys_.erase(key_epoch_); !done) return done;
  key_ = std::move(*next_key_);
  next_key_.reset();
  ++key_epoch_;
  step_ = Step::None;
  return {};
}

Status Chain::publish() {
  if (auto done = write_checkpoint(); !done) return done;
  if (auto done = tiles_.write_all(); !done) return done;
  return store::write_file(*disk_, layout_.published(), note_);
}

void Chain::save_positions() {
  if (!positions_.ended_epoch) return;
  std::erase_if(positions_.segments, [&](const auto& entry) {
    const auto& [id, position] = entry;
    std::error_code error;
    const auto plain = layout_.seed(id.first, id.second)
                           .replace_extension(id.first == Stream::Events ? ".csv" : ".pcapng");
    return position.has_segment_leaf && !std::filesystem::exists(plain, error) && !error;
  });
  (void)store::write_file(*disk_, layout_.secret() / "positions", positions_.to_text());
}

Status Chain::add_cosigned(std::uint64_t size, std::string_view note) {
  const auto path = layout_.cosigned(size - 1);
  auto found = cosigned_.find(path);
  if (found == cosigned_.end()) {
    const auto bytes = store::read_file(*disk_, path, kNotesBytesMax);
    if (!bytes && bytes.error().code != Errc::NotFound) return std::unexpected(bytes.error());
    std::size_t whole = 0;
    if (bytes) {
      (void)parse_notes(*bytes, whole);
      const auto torn =
          store::move_torn_tail(*disk_, store::Layout{layout_.directory}, path, whole);
      if (!torn) return std::unexpected(torn.error());
    }
    found = cosigned_.emplace(path, AppendFile(*disk_, path, whole)).first;
  }
  return found->second.append(note);
}

}  // namespace alibi::seal
