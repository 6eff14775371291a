// What a witness remembers when the disk fails at any point. Restored and edited
// files, and the server as a whole: tests/witness.

#include "witness/history.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>

#include "seal/tree.hpp"
#include "store/faulty_disk_test.hpp"

namespace alibi::witness {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kOrigin = "alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60";

class HistoryTest : public testing::Test {
 protected:
  HistoryTest() : key_(seal::SigningKey::generate("w", seal::SignatureType::Cosignature)) {
    std::string name = (fs::temp_directory_path() / "alibi-history-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    EXPECT_TRUE(History::create(store::real_disk(), directory_, key_));
  }
  ~HistoryTest() override { fs::remove_all(directory_); }

  seal::Checkpoint checkpoint_of(std::uint64_t size, const std::string& origin = kOrigin) {
    return {origin, size, seal::leaf_hash(std::to_string(size))};
  }
  seal::Note note_of(const seal::Checkpoint& checkpoint) {
    return {checkpoint.to_text(), {seal::sign_note(log_key_, checkpoint.to_text())}};
  }
  Status accept(History& history, std::uint64_t size, const std::string& origin = kOrigin) {
    const auto checkpoint = checkpoint_of(size, origin);
    return history.accept(checkpoint, note_of(checkpoint), 1'700'000'000 + size);
  }
  Status refuse(History& history, std::uint64_t size) {
    const auto checkpoint = checkpoint_of(size);
    return history.refuse(Outcome::RefusedSize, checkpoint, note_of(checkpoint), 5);
  }
  std::uint64_t size_in(const History& history, const std::string& origin = kOrigin) {
    const auto found = history.latest().find(origin);
    return found == history.latest().end() ? 0 : found->second.checkpoint.size;
  }

  fs::path directory_;
  seal::SigningKey key_;
  seal::SigningKey log_key_ = seal::SigningKey::generate(kOrigin);
};

TEST_F(HistoryTest, RemembersTheLatestOfEachLog) {
  {
    auto history = History::open(store::real_disk(), directory_, key_);
    ASSERT_TRUE(history) << history.error().message;
    ASSERT_TRUE(accept(*history, 10));
    ASSERT_TRUE(accept(*history, 7, "other"));
    ASSERT_TRUE(accept(*history, 20));
  }
  const auto history = History::open(store::real_disk(), directory_, key_);
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_EQ(size_in(*history), 20U);
  EXPECT_EQ(size_in(*history, "other"), 7U);
  EXPECT_EQ(history->latest().at(kOrigin).note, note_of(checkpoint_of(20)).to_text());
  EXPECT_EQ(history->latest().at(kOrigin).time_s, 1'700'000'020U);
}

TEST_F(HistoryTest, WritesARefusedNoteOnce) {
  for (int run = 0; run < 2; ++run) {
    auto history = History::open(store::real_disk(), directory_, key_);
    ASSERT_TRUE(history);
    ASSERT_TRUE(refuse(*history, 5));
    ASSERT_TRUE(refuse(*history, 5));
    EXPECT_EQ(history->entries(), 1U) << "run " << run;
  }
}

TEST_F(HistoryTest, BoundsWhatStrangersCanMakeItWrite) {
  auto history = History::open(store::real_disk(), directory_, key_);
  ASSERT_TRUE(history);
  for (std::size_t i = 0; i < 40; ++i)
    ASSERT_TRUE(refuse(*history, i));
  EXPECT_EQ(history->entries(), 40U);
  static_assert(History::kRefusedMax <= 4096);
}

TEST_F(HistoryTest, CarriesTheLatestIntoANewFile) {
  for (std::uint64_t size = 1; size <= 30; ++size) {
    auto history = History::open(store::real_disk(), directory_, key_, 1500);
    ASSERT_TRUE(history) << history.error().message << " at " << size;
    ASSERT_TRUE(size > 1 || accept(*history, 3, "other"));
    ASSERT_TRUE(accept(*history, size));
  }
  EXPECT_TRUE(fs::exists(directory_ / "history" / "00000003.txt"));
  const auto history = History::open(store::real_disk(), directory_, key_, 1500);
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_EQ(size_in(*history), 30U);
  EXPECT_EQ(size_in(*history, "other"), 3U);
}

/// Every call of an acceptance fails once, in a file that is followed by a new one.
TEST_F(HistoryTest, NothingAnsweredIsForgottenWhereverTheDiskFails) {
  constexpr std::uint64_t kFileBytes = 700;
  std::uint64_t answered = 0;
  std::uint64_t size = 0;
  std::size_t failures = 0;
  for (int failing = 0; failing < 60; ++failing) {
    store::HookedDisk disk;
    auto history = History::open(disk, directory_, key_, kFileBytes);
    ASSERT_TRUE(history) << history.error().message << ", call " << failing;
    ASSERT_GE(size_in(*history), answered) << "call " << failing;
    ASSERT_LE(size_in(*history), size) << "call " << failing;
    int call = 0;
    disk.before_call = [&](std::string_view) { return call++ == failing % 30 ? EIO : 0; };
    for (int i = 0; i < 2; ++i) {
      const auto done = accept(*history, ++size);
      if (done) {
        answered = size;
        continue;
      }
      ++failures;
      EXPECT_FALSE(accept(*history, size + 1)) << "after a failure nothing is cosigned";
    }
  }
  EXPECT_GT(failures, 30U);
}

/// A write that a crash cut at any byte.
TEST_F(HistoryTest, ATornEntryWasNeverAnswered) {
  const fs::path path = directory_ / "history" / "00000001.txt";
  {
    auto history = History::open(store::real_disk(), directory_, key_);
    ASSERT_TRUE(history && accept(*history, 10));
  }
  const auto before = fs::file_size(path);
  const auto state = store::read_file(store::real_disk(), directory_ / "state", 4096);
  ASSERT_TRUE(state);
  {
    auto history = History::open(store::real_disk(), directory_, key_);
    ASSERT_TRUE(history && accept(*history, 20));
  }
  const auto whole = store::read_file(store::real_disk(), path, 1U << 20);
  ASSERT_TRUE(whole);
  for (std::size_t cut = before; cut <= whole->size(); cut += cut + 40 < whole->size() ? 7 : 1) {
    // In place: another inode would be a copy.
    const auto fd = store::real_disk().open(path, O_WRONLY | O_TRUNC);
    ASSERT_TRUE(fd && store::write_all(store::real_disk(), fd->get(), whole->substr(0, cut)));
    ASSERT_TRUE(store::write_file(store::real_disk(), directory_ / "state", *state));
    const auto history = History::open(store::real_disk(), directory_, key_);
    ASSERT_TRUE(history) << history.error().message << " at byte " << cut;
    EXPECT_EQ(size_in(*history), cut == whole->size() ? 20U : 10U) << "at byte " << cut;
  }
}

TEST_F(HistoryTest, RefusesAStateThatIsTwoEntriesBehind) {
  auto history = History::open(store::real_disk(), directory_, key_);
  ASSERT_TRUE(history && accept(*history, 10));
  const auto state = store::read_file(store::real_disk(), directory_ / "state", 4096);
  ASSERT_TRUE(state && accept(*history, 20) && accept(*history, 30));
  ASSERT_TRUE(store::write_file(store::real_disk(), directory_ / "state", *state));
  const auto again = History::open(store::real_disk(), directory_, key_);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("older than the history"));
}

}  // namespace
}  // namespace alibi::witness
