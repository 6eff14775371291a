#pragma once
// A log that is written and sealed in one thread, so that a test can fail any
// call to the disk; and a check of what is on the disk afterwards, which reads
// the files alone: docs/seal-format.md section 9, as far as a writer can break it.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "seal/bytes.hpp"
#include "seal/identity.hpp"
#include "seal/item.hpp"
#include "seal/leaf_log.hpp"
#include "seal/note.hpp"
#include "seal/seal_work.hpp"
#include "store/block_account.hpp"
#include "store/faulty_disk_test.hpp"
#include "store/layout.hpp"
#include "store/log_fixture_test.hpp"

namespace alibi::seal {

/// Sealing without a thread: work() is called by the test.
class DirectSealing final : public store::Sealing {
 public:
  DirectSealing(store::Disk& disk, SealLayout layout, std::string boot_id, ReadClock read_clock)
      : parts_{disk,
               std::move(layout),
               {.boot_id = std::move(boot_id), .command = "test"},
               std::move(read_clock)} {}

  Status begin(const store::Recovered& recovered) override {
    auto work = SealWork::open(parts_, recovered);
    if (!work) return std::unexpected(work.error());
    work_ = std::move(*work);
    return {};
  }
  std::uint64_t last_sealed(store::SealStream stream) override {
    const SealState state = work_->state();
    return stream == store::SealStream::Events ? state.last_event : state.last_packet;
  }
  void block_synced(const store::SyncedBlock& block) override { work_->add(block); }
  void record_synced(store::SyncedRecord record) override {
    work_->add(SealWork::Order{*leaf_type_of(record.kind),
                               {{"record", std::to_string(record.seq)}, {"result", record.result}},
                               {},
                               {}});
  }
  void urgent() override { work_->add_urgent(); }
  // The packer has a thread of its own; these tests have none beside them.
  Status file_packed(const store::PackedPair&) override { return fail(Errc::Denied, "later"); }
  Status about_to_delete(const store::Deletion&) override { return fail(Errc::Denied, "later"); }

  [[nodiscard]] SealWork* work() { return work_.get(); }

 private:
  SealWork::Parts parts_;
  std::unique_ptr<SealWork> work_;
};

class SealTest : public store::LogTest {
 protected:
  SealTest() {
    limits_.segment_bytes = 12'000;
    limits_.block_ms = 0;
  }

  [[nodiscard]] SealLayout layout() const { return {log()}; }

  void make_identity() {
    std::filesystem::create_directories(log() / "events");
    const auto made = create_identity(store::real_disk(), layout(), {.version = "test"});
    ASSERT_TRUE(made) << made.error().message;
    log_key_ = VerificationKey::from_text(made->log_key).value();
  }

  /// One recorder's life: batches of records, work after each. Stops in the middle
  /// of nothing when `is_killed`. False: it could not begin.
  bool record(store::Disk& disk, int batches, bool is_killed,
              const std::string& boot_id = store::kBoot, const std::function<void()>& heal = {}) {
    DirectSealing sealing(disk, layout(), boot_id, clock_);
    auto writer = store::LogWriter::open(log(), boot_id, limits_, disk, &sealing);
    if (!writer) return false;
    if ((*writer)->sealing() == nullptr) return false;
    for (int batch = 0; batch < batches; ++batch) {
      auto records = store::make_records(5, 42, next_record_);
      next_record_ += 5;
      (void)(*writer)->append(records);
      later_ += 2'000'000'000;
      (void)(*writer)->tick({boot_now().ns + later_});
      (void)sealing.work()->work();
    }
    if (heal) heal();
    if (is_killed) return true;
    later_ += 20'000'000'000;
    (void)(*writer)->tick({boot_now().ns + later_});
    (void)(*writer)->close();
    const auto done = sealing.work()->finish("test");
    EXPECT_TRUE(done) << done.error().message;
    return true;
  }

  struct Found {
    std::vector<Leaf> leaves;
    std::uint64_t size = 0;  ///< of the checkpoint
    [[nodiscard]] std::size_t count(LeafType type) const {
      return static_cast<std::size_t>(std::ranges::count(leaves, type, &Leaf::type));
    }
  };

  /// Everything the checkpoint covers is consistent. `is_whole`: and all of every
  /// segment is covered.
  Found check(bool is_whole) {
    Found found;
    const auto note = parse_note(store::file_text(layout().checkpoint()));
    EXPECT_TRUE(note);
    if (!note) return found;
    EXPECT_EQ(check_signature(*note, log_key_), Signed::Yes);
    const auto checkpoint = Checkpoint::from_text(note->text);
    EXPECT_TRUE(checkpoint);
    found.size = checkpoint->size;
    std::vector<Hash> hashes;
    const auto end = for_each_leaf(store::real_disk(), layout(), 0, found.size,
                                   [&](std::uint64_t, std::string_view line) {
                                     const auto leaf = Leaf::from_line(line);
                                     EXPECT_TRUE(leaf) << line;
                                     if (leaf) found.leaves.push_back(*leaf);
                                     hashes.push_back(leaf_hash(line));
                                     return leaf.has_value();
                                   });
    EXPECT_TRUE(end);
    EXPECT_EQ(hashes.size(), found.size);
    EXPECT_EQ(tree_hash(hashes), checkpoint->root);
    check_epochs(found, *note, hashes);
    check_slots(found);
    check_blocks(found, is_whole);
    return found;
  }

  void check_epochs(const Found& found, const Note& latest, const std::vector<Hash>& hashes) {
    std::map<std::uint64_t, Note> finals;
    const auto notes = read_epoch_notes(store::real_disk(), layout());
    ASSERT_TRUE(notes);
    for (const Note& note : *notes) {
      const auto checkpoint = Checkpoint::from_text(note.text);
      ASSERT_TRUE(checkpoint);
      EXPECT_TRUE(finals.emplace(checkpoint->size, note).second) << "two for " << checkpoint->size;
    }
    ASSERT_FALSE(found.leaves.empty());
    auto key = VerificationKey::from_text(found.leaves[0].text("epoch_key").value()).value();
    std::uint64_t epoch = 0;
    std::uint64_t begin = 0;
    for (std::size_t i = 0; i < found.leaves.size(); ++i) {
      const bool is_end = found.leaves[i].type == LeafType::Epoch;
      if (i + 1 == found.leaves.size()) {
        EXPECT_EQ(check_signature(latest, key), Signed::Yes) << "the checkpoint, epoch " << epoch;
      }
      if (!is_end) continue;
      EXPECT_EQ(found.leaves[i].number("number"), epoch);
      EXPECT_EQ(found.leaves[i].number("leaves"), i + 1 - begin);
      const auto note = finals.find(i + 1);
      ASSERT_NE(note, finals.end()) << "no final checkpoint of epoch " << epoch;
      EXPECT_EQ(check_signature(note->second, log_key_), Signed::Yes);
      EXPECT_EQ(check_signature(note->second, key), Signed::Yes);
      EXPECT_EQ(Checkpoint::from_text(note->second.text)->root,
                tree_hash(std::span(hashes).first(i + 1)));
      key = VerificationKey::from_text(found.leaves[i].text("next").value()).value();
      begin = i + 1;
      ++epoch;
    }
  }

  /// Step 11.
  void check_slots(const Found& found) {
    auto keys = EpochKeyFile::open(store::real_disk(), layout().epoch_key(), log_key_.name);
    ASSERT_TRUE(keys);
    const auto slots = keys->read();
    ASSERT_TRUE(slots);
    ASSERT_FALSE(slots->empty());
    const auto ended = found.count(LeafType::Epoch);
    const bool is_end = found.leaves.back().type == LeafType::Epoch;
    EXPECT_LE(slots->front().epoch, ended);
    EXPECT_GE(slots->back().epoch, is_end ? ended - 1 : ended);
  }

  void check_blocks(const Found& found, bool is_whole) {
    std::map<std::uint64_t, std::uint64_t> ends;
    std::map<std::uint64_t, std::uint64_t> blocks;
    std::uint64_t last = 0;
    for (const Leaf& leaf : found.leaves) {
      if (leaf.type != LeafType::Block) continue;
      const auto block = BlockLeaf::from_leaf(leaf);
      ASSERT_TRUE(block);
      EXPECT_EQ(block->block, blocks[block->segment]++);
      EXPECT_EQ(block->offset, ends[block->segment]);
      EXPECT_EQ(block->first, last + 1);
      last = block->last;
      ends[block->segment] += block->bytes;
      const std::string text = store::file_text(store::Layout{log()}.csv(block->segment));
      ASSERT_GE(text.size(), block->offset + block->bytes);
      const auto seed_text =
          from_hex(store::file_text(layout().seed(Stream::Events, block->segment)).substr(0, 64));
      ASSERT_TRUE(seed_text);
      Seed seed{};
      std::ranges::copy(*seed_text, seed.begin());
      const auto columns =
          Columns::from(*found.leaves[0].find("hideable"), text.substr(0, text.find('\n') + 1));
      ASSERT_TRUE(columns);
      const auto hashes = hash_items(Stream::Events, *columns, block_seed(seed, block->block),
                                     text.substr(block->offset, block->bytes));
      ASSERT_TRUE(hashes);
      EXPECT_EQ(hashes->size(), block->items);
      EXPECT_EQ(tree_hash(*hashes).to_base64(), block->root);
    }
    if (!is_whole) return;
    const auto segments = store::list_segments(store::real_disk(), {log()});
    ASSERT_TRUE(segments);
    for (std::size_t i = 0; i < segments->size(); ++i) {
      const auto number = (*segments)[i].first_seq;
      const std::string text = store::file_text(store::Layout{log()}.csv(number));
      // An abandoned segment ends where the next one begins.
      const std::string_view rest = std::string_view(text).substr(ends[number]);
      if (i + 1 < segments->size() && store::number_of_line(rest) >= (*segments)[i + 1].first_seq)
        continue;
      EXPECT_EQ(ends[number], text.size()) << "segment " << number << " is not wholly sealed";
    }
  }

  VerificationKey log_key_;
  ReadClock clock_ = read_clock_ns;
  std::uint64_t next_record_ = 0;
  std::uint64_t later_ = 0;
};

}  // namespace alibi::seal
