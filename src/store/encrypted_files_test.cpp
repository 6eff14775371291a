// Files of an encrypted log. Memory is not mounted here: tests/seal_live does that.

#include "store/encrypted_files.hpp"

#include "store/log_fixture_test.hpp"

namespace alibi::store {
namespace {

class EncryptedFilesTest : public LogTest {
 protected:
  EncryptedFilesTest() { put("identity/recipients"); }

  void put(const std::string& name, const std::string& text = "x") {
    const auto path = log() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  [[nodiscard]] bool has(const std::string& name) const {
    return std::filesystem::exists(log() / name);
  }
  [[nodiscard]] Layout layout() const { return Layout::of(log()); }
};

TEST_F(EncryptedFilesTest, RecipientsOrTheGenesisLeafMakeTheLogEncrypted) {
  EXPECT_EQ(layout().csv(1), log() / "open/events/0000000000000001.csv");
  EXPECT_EQ(layout().reserve(), log() / "reserve");
  std::filesystem::remove(log() / "identity/recipients");
  EXPECT_EQ(layout().csv(1), log() / "events/0000000000000001.csv");
  const std::string leaves = "log/leaves/00000000000000000000.csv";
  put(leaves, "genesis,n,b,1,t,format=1 not_encrypted=1\nblock,n,b,1,t, encrypted=1 \n");
  EXPECT_FALSE(layout().is_encrypted());
  put(leaves, "genesis,n,b,1,t,format=1 encrypted=1\n");
  EXPECT_TRUE(layout().is_encrypted());
}

TEST_F(EncryptedFilesTest, NothingIsWrittenWhereThereIsNoMemory) {
  const auto writer = LogWriter::open(log(), kBoot, limits_);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, Errc::Denied);
  EXPECT_FALSE(has("open/events"));
  EXPECT_FALSE(has("events"));
}

TEST_F(EncryptedFilesTest, ListsWhatIsOnTheDisk) {
  put("events/0000000000000001.csv.zst.age", "12345");
  put("events/0000000000000001.csv.zst.age.tmp");
  put("live/events-0000000000000007-10.age");
  put("live/events-0000000000000007-9.age");
  put("live/events-7-1.age");
  put("live/events-0000000000000007-x.age");
  put("live/events-00000000000000007-1.age");
  put("live/events-0000000000000007-01.age");
  put("live/events-0000000000000007-.age");
  put("live/packets-00000000000000000003-0.age");
  put("open/events/0000000000000009.csv");
  const auto segments = list_segments(real_disk(), layout());
  ASSERT_TRUE(segments);
  ASSERT_EQ(segments->size(), 3U);
  EXPECT_TRUE(segments->at(0).has_encrypted);
  EXPECT_EQ(segments->at(0).bytes, 5U);
  EXPECT_EQ(segments->at(1).first_seq, 7U);
  EXPECT_EQ(segments->at(1).bytes, 2U);
  EXPECT_FALSE(segments->at(2).has_encrypted);
  const auto packets = list_packet_files(real_disk(), layout());
  ASSERT_TRUE(packets);
  ASSERT_EQ(packets->size(), 1U);
  const auto live = list_live(real_disk(), layout());
  ASSERT_TRUE(live);
  ASSERT_EQ(live->size(), 3U);
  EXPECT_EQ(live->at(0).block, 9U);
  EXPECT_EQ(live->at(1).block, 10U);
  EXPECT_EQ(live->at(2).stream, SealStream::Packets);
}

TEST_F(EncryptedFilesTest, WhatIsOpenedGoesAndTheEncryptedFileStays) {
  const std::vector<std::string> going = {
      "live/events-0000000000000001-0.age", "open/events/0000000000000001.csv",
      "open/events/0000000000000001.csv.zst", "open/events/0000000000000001.blocks",
      "open/events/0000000000000001.seed"};
  const std::vector<std::string> staying = {
      "events/0000000000000001.csv.zst.age", "live/packets-00000000000000000001-0.age",
      "live/events-0000000000000012-0.age", "open/packets/00000000000000000001.pcapng"};
  for (const auto& names : {going, staying})
    for (const auto& name : names)
      put(name);
  ASSERT_TRUE(remove_opened(real_disk(), layout(), SealStream::Events, 1));
  for (const auto& name : going)
    EXPECT_FALSE(has(name)) << name;
  for (const auto& name : staying)
    EXPECT_TRUE(has(name)) << name;
  EXPECT_TRUE(last_written(real_disk(), layout(), SealStream::Events, 1));
  ASSERT_TRUE(remove_encrypted(real_disk(), layout(), SealStream::Events, 1));
  EXPECT_FALSE(has(staying[0]));
  EXPECT_TRUE(has(staying[1]));
  EXPECT_FALSE(last_written(real_disk(), layout(), SealStream::Events, 1));
}

}  // namespace
}  // namespace alibi::store
