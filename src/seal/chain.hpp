#pragma once
// The log that is sealed, as a writer sees it: its leaves, its tree, the keys
// that sign it, the files they are in. docs/seal-format.md sections 5 to 8.
//
// Every step can be asked for again after an error; what an append refused is
// not there. Thread: one per object. Errors: Io, unless said otherwise.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "seal/append_file.hpp"
#include "seal/epoch_key.hpp"
#include "seal/leaf.hpp"
#include "seal/note.hpp"
#include "seal/positions.hpp"
#include "seal/seal_layout.hpp"
#include "seal/signing_key.hpp"
#include "seal/tiles.hpp"
#include "store/disk.hpp"

namespace alibi::seal {

class Chain {
 public:
  /// Takes over what the writer before left, however it ended. The lock of the
  /// directory is held. Errors: NotFound (no identity), Io; Corrupt when the leaves, the
  /// checkpoint and the keys do not belong together: the log was set back or changed,
  /// and nothing can be sealed with this identity.
  static Result<Chain> open(store::Disk& disk, const SealLayout& layout);

  [[nodiscard]] const std::string& origin() const { return log_key_.verification_key().name; }
  [[nodiscard]] const Leaf& genesis() const { return genesis_; }
  [[nodiscard]] const Positions& positions() const { return positions_; }
  [[nodiscard]] std::uint64_t size() const { return positions_.size; }
  /// Bytes of torn leaves and notes that open() set aside.
  [[nodiscard]] std::uint64_t bytes_cut() const { return bytes_cut_; }

  /// False while an epoch is on its way to its end: no other leaf may come in between.
  [[nodiscard]] bool can_append() const { return step_ == Step::None || step_ == Step::KeyWritten; }
  /// Leaves that one append() may have.
  [[nodiscard]] std::uint64_t room() const { return kLeavesPerFile - size() % kLeavesPerFile; }
  /// All of them durable, or none. Errors: Corrupt for leaves that make no sense.
  Status append(std::span<const Leaf> leaves);
  /// Replaces log/checkpoint when there are new leaves.
  Status write_checkpoint();
  /// The same, and it outlives a power loss.
  Status keep_checkpoint();
  /// Goes through section 7 from where it stopped last. `make` gives the `epoch`
  /// leaf its nonce and times.
  using MakeLeaf =
      std::function<Leaf(LeafType type, std::vector<std::pair<std::string, std::string>>)>;
  Status end_epoch(const MakeLeaf& make);
  /// Writes all tiles, then log/published.
  Status publish();
  /// Remembers positions, so that the next open() is fast. To be called at the
  /// end of an epoch; best effort.
  void save_positions();

  /// The signed checkpoint of size(), once write_checkpoint() or end_epoch() wrote it.
  [[nodiscard]] const std::string& note() const { return note_; }
  [[nodiscard]] Hash root() const { return tree_.root(); }

  /// To log/cosigned.
  Status add_cosigned(std::uint64_t size, std::string_view note);

 private:
  /// Where the end of an epoch has got to.
  enum class Step : std::uint8_t { None, KeyWritten, LeafWritten, FinalWritten };

  Chain(store::Disk& disk, SealLayout layout, SigningKey log_key, EpochKeyFile keys);

  // chain_resume.cpp
  Status resume();
  Result<Checkpoint> read_checkpoint();
  Result<std::uint64_t> take_leaves(std::uint64_t sealed);
  Status read_positions(std::uint64_t size);
  Status take_tree(const Checkpoint& checkpoint);
  Result<std::optional<Note>> take_final_notes();
  Status take_keys(const std::optional<Note>& last_final);

  [[nodiscard]] std::string signed_note() const;

  store::Disk* disk_;
  SealLayout layout_;
  SigningKey log_key_;
  EpochKeyFile keys_;
  Leaf genesis_;
  Positions positions_;
  Tiles tiles_;
  GrowingTree tree_;
  AppendFile leaves_;
  AppendFile finals_;
  std::map<std::filesystem::path, AppendFile> cosigned_;
  std::optional<SigningKey> key_;  ///< of the epoch that signs
  std::uint64_t key_epoch_ = 0;
  std::optional<SigningKey> next_key_;
  Step step_ = Step::None;
  std::string note_;
  bool is_note_stale_ = false;    ///< it is of a smaller size
  bool is_note_written_ = false;  ///< to log/checkpoint
  std::uint64_t bytes_cut_ = 0;
};

}  // namespace alibi::seal
