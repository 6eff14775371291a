#include "verify/bundle_parse.hpp"

#include <gtest/gtest.h>

#include "event/record.hpp"

namespace alibi::verify {
namespace {

const std::string kHash = std::string(43, 'A') + "=";
const std::string kSalt = std::string(22, 'A') + "==";

TEST(BundleParse, Items) {
  const auto items = parse_items("leaf,from,to,hash,salts\n812,0,3," + kHash + ",\n812,4,4,," +
                                 kSalt + ";;" + kSalt + "\n");
  ASSERT_TRUE(items) << items.error().message;
  const BundleItems& block = items->at(812);
  ASSERT_EQ(block.hidden.size(), 1U);
  EXPECT_EQ(block.hidden[0].to, 4U);
  ASSERT_EQ(block.shown.at(4).size(), 3U);
  EXPECT_TRUE(block.shown.at(4)[1].empty());
  EXPECT_EQ(block.shown.at(4)[2].size(), 16U);
}

TEST(BundleParse, ItemsThatAreNone) {
  const std::string header = "leaf,from,to,hash,salts\n";
  for (const std::string& text :
       {std::string(), std::string("leaf\n"), header + "1,0,0,," + kSalt, header + "1,0,0,,\n",
        header + "1,0,1,," + kSalt + "\n", header + "1,0,0,," + kSalt + ",\n",
        header + "01,0,0,," + kSalt + "\n", header + "1,2,1," + kHash + ",\n",
        header + "1,1,1,," + kSalt + "\n1,0,0,," + kSalt + "\n",
        header + "1,0,1," + kHash + "," + kSalt + "\n",
        header + "9223372036854775808,0,0,," + kSalt + "\n"})
    EXPECT_FALSE(parse_items(text)) << text;
}

TEST(BundleParse, LeavesAscend) {
  const auto leaves = parse_leaf_lines("0,genesis,a\n7,stop,b\n");
  ASSERT_TRUE(leaves);
  EXPECT_EQ(leaves->at(7), "stop,b\n");
  EXPECT_FALSE(parse_leaf_lines("7,a\n7,b\n"));
  EXPECT_FALSE(parse_leaf_lines("7\n"));
  EXPECT_FALSE(parse_leaf_lines("7,a"));
}

TEST(BundleParse, Claims) {
  const std::string text =
      "alibi-disclosure,1\norigin,alibi/0f\n"
      "interval,2026-11-22T02:00:00.000000Z,2026-11-22T03:00:00.000000Z,4,9\n"
      "process,42@7,1,5,open\nmade,2026-11-22T04:00:00.000000Z\nhidden_columns,args;name\n";
  const auto claims = parse_claims(text);
  ASSERT_TRUE(claims) << claims.error().message;
  EXPECT_EQ(claims->origin, "alibi/0f");
  EXPECT_EQ(claims->interval->last_leaf, 9U);
  EXPECT_EQ(event::to_text(claims->interval->to), "2026-11-22T03:00:00.000000Z");
  EXPECT_TRUE(claims->processes.at(0).is_open);
  EXPECT_FALSE(parse_claims(text + "origin,alibi/0f\n"));
  EXPECT_FALSE(parse_claims(text + "proof,1\n"));
  EXPECT_FALSE(parse_claims(text + "process,42@7,2,5\n"));
  EXPECT_FALSE(parse_claims(text + "process,42,1,5\n"));
  EXPECT_FALSE(parse_claims("alibi-disclosure,2\norigin,alibi/0f\n"));
  EXPECT_FALSE(parse_claims("alibi-disclosure,1\n"));
}

TEST(BundleParse, TlogProof) {
  const auto proof = parse_tlog_proof("c2sp.org/tlog-proof@v1\nindex 5\n" + kHash + "\n\nnote\n");
  ASSERT_TRUE(proof);
  EXPECT_EQ(proof->index, 5U);
  EXPECT_EQ(proof->path.size(), 1U);
  EXPECT_EQ(proof->note, "note\n");
  EXPECT_FALSE(parse_tlog_proof("c2sp.org/tlog-proof@v1\nindex 05\n\nnote\n"));
  EXPECT_FALSE(parse_tlog_proof("index 5\n\nnote\n"));
  std::string long_path = "c2sp.org/tlog-proof@v1\nindex 5\n";
  for (int i = 0; i < 64; ++i)
    long_path += kHash + "\n";
  EXPECT_FALSE(parse_tlog_proof(long_path + "\nnote\n"));
}

TEST(BundleParse, Sums) {
  const std::string hash(64, 'a');
  EXPECT_TRUE(parse_sums(hash + "  claims.csv\n"));
  EXPECT_FALSE(parse_sums(hash + " *claims.csv\n"));
  EXPECT_FALSE(parse_sums(hash + "  a\n" + hash + "  a\n"));
  EXPECT_FALSE(parse_sums("b  a\n"));
}

}  // namespace
}  // namespace alibi::verify
