#include "seal/leaf.hpp"

#include <gtest/gtest.h>

#include "seal/digest.hpp"

namespace alibi::seal {
namespace {

constexpr const char* kBootId = "0f9c2a77-c31e-4b6f-8d5a-2e9b1c4d7a60";
constexpr const char* kHead =
    "note,AAAAAAAAAAAAAAAAAAAAAA,0f9c2a77-c31e-4b6f-8d5a-2e9b1c4d7a60,12,"
    "2026-11-22T02:30:10.123456Z,";

TEST(Leaf, IsOneLineAndComesBack) {
  const Leaf leaf = make_leaf(LeafType::Fault, kBootId,
                              {{"a", "plain,=1"}, {"b", "with space % \n \xc3\xa9"}, {"c", ""}});
  const std::string line = leaf.to_line();
  EXPECT_TRUE(line.ends_with(",a=plain,=1 b=with%20space%20%25%20%0A%20%C3%A9 c=\n")) << line;
  const auto back = Leaf::from_line(line);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->type, LeafType::Fault);
  EXPECT_EQ(back->pairs, leaf.pairs);
  EXPECT_EQ(back->boot, leaf.boot);
  EXPECT_EQ(back->time.ns, leaf.time.ns / 1000 * 1000);
  EXPECT_EQ(back->to_line(), line);
  EXPECT_NE(make_leaf(LeafType::Fault, kBootId, {}).nonce, leaf.nonce);
}

TEST(Leaf, EveryTypeHasItsName) {
  for (int type = 0; type <= static_cast<int>(LeafType::Note); ++type) {
    const auto value = static_cast<LeafType>(type);
    EXPECT_EQ(leaf_type_of(name_of(value)), value);
  }
  EXPECT_FALSE(leaf_type_of("blocks"));
}

TEST(Leaf, IsReadStrictly) {
  const auto is_good = [](const std::string& line) { return Leaf::from_line(line).has_value(); };
  const std::string head = kHead;
  EXPECT_TRUE(is_good(head + "what=remark\n"));
  EXPECT_TRUE(is_good(head + "what=remark unknown=1\n"));
  for (const char* pairs :
       {"what=remark", "what=remark\n\n", "what=remark \n", "what=remark  x=1\n", " what=remark\n",
        "what\n", "=x what=remark\n", "What=1 what=remark\n", "what=a what=b\n", "what=a%0a\n",
        "what=a%41\n", "what=a%2\n", "what=a%\n", "what=\xc3\xa9\n", "what=a\tb\n", "x=1\n", "\n"})
    EXPECT_FALSE(is_good(head + pairs)) << pairs;
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string line = head + "what=remark\n";
    return line.replace(line.find(from), from.size(), to);
  };
  EXPECT_FALSE(is_good(with("note", "notes")));
  EXPECT_FALSE(is_good(with("AAAA,", "AAAB,")));  // unused bits
  EXPECT_FALSE(is_good(with("AAAA,", "AAA,")));
  EXPECT_FALSE(is_good(with(",12,", ",012,")));
  EXPECT_FALSE(is_good(with(",12,", ",9223372036854775808,")));
  EXPECT_FALSE(is_good(with(",12,", ",,")));
  EXPECT_FALSE(is_good(with(".123456Z", ".12345Z")));
  EXPECT_FALSE(is_good(with(".123456Z", "Z")));
  EXPECT_TRUE(is_good(with("2026-11-22T02:30:10.123456Z", "1970-01-01T00:00:00.000000Z")));
  EXPECT_FALSE(is_good(with("2026-11-22T02:30:10.123456Z", "1969-12-31T23:59:59.999999Z")));
  EXPECT_FALSE(is_good(with("11-22T", "11-31T")));
  EXPECT_FALSE(is_good(with("0f9c2a77-", "0F9c2a77-")));
  EXPECT_FALSE(is_good(""));
  EXPECT_FALSE(is_good("\n"));
}

TEST(Leaf, IsAtMost4096BytesLong) {
  const std::string head = kHead;
  const std::string fits = head + "what=remark text=";
  EXPECT_TRUE(Leaf::from_line(fits + std::string(kLeafBytesMax - fits.size() - 1, 'x') + "\n"));
  EXPECT_FALSE(Leaf::from_line(fits + std::string(kLeafBytesMax - fits.size(), 'x') + "\n"));
}

TEST(Leaf, LongValuesAreCutAndTheRestStays) {
  for (std::size_t more = 0; more < 4; ++more) {
    const auto leaf = make_leaf(LeafType::Note, kBootId,
                                {{"what", "remark"},
                                 {"text", std::string(9000, ' ') + std::string(more, 'x')},
                                 {"other", std::string(5000 + more, 'y')}});
    const std::string line = leaf.to_line();
    EXPECT_LE(line.size(), kLeafBytesMax);
    EXPECT_GT(line.size(), kLeafBytesMax - 8);
    const auto back = Leaf::from_line(line);
    ASSERT_TRUE(back) << back.error().message << line;
    EXPECT_EQ(*back->find("what"), "remark");
  }
}

TEST(Leaf, NumbersAndTextsAreAskedFor) {
  const auto leaf = make_leaf(LeafType::Stop, kBootId, {{"events", "12"}, {"packets", "x"}});
  EXPECT_EQ(leaf.number("events"), 12U);
  EXPECT_EQ(leaf.number("packets").error().code, Errc::Corrupt);
  EXPECT_EQ(leaf.number("other").error().code, Errc::Corrupt);
  EXPECT_EQ(leaf.text("packets"), "x");
  EXPECT_FALSE(leaf.text("other"));
  EXPECT_FALSE(Leaf::from_line(leaf.to_line()));  // packets is no number
}

BlockLeaf good_block() {
  return {.stream = Stream::Packets,
          .segment = 17,
          .block = 3,
          .offset = 100,
          .bytes = 50,
          .items = 2,
          .first = 18,
          .last = 19,
          .from = {1'700'000'000'000'001'000},
          .to = {1'700'000'000'000'002'000},
          .root = sha256("x").to_base64(),
          .adopted = "recovery"};
}

TEST(Leaf, BlockComesBack) {
  const auto block = good_block();
  const auto line = make_leaf(LeafType::Block, kBootId, block.to_pairs()).to_line();
  const auto back = BlockLeaf::from_leaf(Leaf::from_line(line).value());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->to_pairs(), block.to_pairs());
}

TEST(Leaf, BlockThatCannotBeIsRefused) {
  const auto is_good = [](const BlockLeaf& block) {
    return BlockLeaf::from_leaf(make_leaf(LeafType::Block, kBootId, block.to_pairs())).has_value();
  };
  auto block = good_block();
  EXPECT_TRUE(is_good(block));
  block.root = "AAAA";
  EXPECT_FALSE(is_good(block));
  EXPECT_FALSE(BlockLeaf::from_leaf(make_leaf(LeafType::Note, kBootId, good_block().to_pairs())));
}

}  // namespace
}  // namespace alibi::seal
