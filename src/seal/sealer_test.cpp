// The sealing thread, and notes that other processes ask for.

#include "seal/sealer.hpp"

#include "seal/note_request.hpp"
#include "seal/seal_fixture_test.hpp"

namespace alibi::seal {
namespace {

/// What a witness would do, without a network.
class EchoWitness final : public Witnessing {
 public:
  EchoWitness(Receipts& receipts, std::vector<Offer>& offers)
      : receipts_(receipts), offers_(offers) {}
  void offer(const Offer& offer) override {
    offers_.push_back(offer);
    if (offers_.size() == 1) receipts_.cosigned(offer.size, offer.note, "echo");
  }
  void finish(std::chrono::milliseconds) override {}
  [[nodiscard]] std::string trouble() const override { return "none answers"; }

 private:
  Receipts& receipts_;
  std::vector<Offer>& offers_;
};

class SealerTest : public SealTest {
 protected:
  Leaf leaf_at(std::uint64_t index) {
    Leaf found;
    const auto end = for_each_leaf(store::real_disk(), layout(), index, index + 1,
                                   [&](std::uint64_t, std::string_view line) {
                                     found = Leaf::from_line(line).value();
                                     return true;
                                   });
    EXPECT_TRUE(end);
    return found;
  }

  void expect_note(const NoteAnswer& answer) {
    const Leaf leaf = leaf_at(answer.index);
    EXPECT_EQ(leaf.type, LeafType::Note);
    EXPECT_EQ(*leaf.find("text"), "to the court");
    const auto note = parse_note(answer.checkpoint);
    ASSERT_TRUE(note);
    EXPECT_EQ(check_signature(*note, log_key_), Signed::Yes);
    const auto checkpoint = Checkpoint::from_text(note->text);
    ASSERT_TRUE(checkpoint);
    EXPECT_GT(checkpoint->size, answer.index);
    const auto proof = prove_inclusion(read_tiles(layout()), answer.index, checkpoint->size);
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_TRUE(check_inclusion(leaf_hash(leaf.to_line()), answer.index, checkpoint->size, *proof,
                                checkpoint->root));
  }
};

TEST_F(SealerTest, SealsOffersAndAnswers) {
  make_identity();
  limits_.segment_bytes = 1U << 20;  // nothing is packed
  std::vector<Offer> offers;
  {
    Sealer sealer(layout(), {.boot_id = store::kBoot},
                  [&](const SealLayout&, Receipts& receipts) -> std::unique_ptr<Witnessing> {
                    return std::make_unique<EchoWitness>(receipts, offers);
                  });
    auto writer = store::LogWriter::open(log(), store::kBoot, limits_, store::real_disk(), &sealer);
    ASSERT_TRUE(writer);
    sealer.start();
    auto records = store::make_records(200, 42, 0);
    ASSERT_TRUE((*writer)->append(records));
    const auto answer = append_note(layout(), {"disclosure", std::string(64, 'a'), "to the court"});
    ASSERT_TRUE(answer) << answer.error().message;
    expect_note(*answer);
    EXPECT_EQ(append_note(layout(), {"gossip", "", ""}).error().code, Errc::Usage);
    ASSERT_TRUE((*writer)->close());
    ASSERT_TRUE(sealer.stop("test"));
    const SealState state = sealer.state();
    EXPECT_EQ(state.fault, "");
    EXPECT_EQ(state.witness, "none answers");  // when it was asked last
    EXPECT_GE(state.last_event, 200U);
    EXPECT_EQ(state.waiting, 0U);
  }
  const Found found = check(true);
  ASSERT_GE(offers.size(), 2U);
  EXPECT_EQ(offers.back().size, found.size) << "the last checkpoint is offered, too";
  EXPECT_TRUE(offers.front().wants_stamp);
  ASSERT_EQ(found.count(LeafType::Receipt), 1U);
  const auto cosigned = read_note_set(store::real_disk(), layout().cosigned(0));
  ASSERT_TRUE(cosigned);
  ASSERT_EQ(cosigned->size(), 1U);
  EXPECT_EQ(cosigned->front().to_text(), offers.front().note);
  EXPECT_TRUE(std::filesystem::is_empty(log() / "requests"));
}

TEST_F(SealerTest, ANoteIsAppendedWhereNobodyRecords) {
  make_identity();
  ASSERT_TRUE(record(store::real_disk(), 3, false));
  const auto answer = append_note(layout(), {"remark", "", "to the court"});
  ASSERT_TRUE(answer) << answer.error().message;
  expect_note(*answer);
  EXPECT_EQ(check(true).count(LeafType::Stop), 2U);
  ASSERT_TRUE(record(store::real_disk(), 1, false));
  EXPECT_EQ(check(true).count(LeafType::Recovery), 0U);
}

}  // namespace
}  // namespace alibi::seal
