// Items, salts, commitments: each expected value is put together here by hand
// from docs/seal-format.md sections 3 and 4.

#include "seal/item.hpp"

#include <gtest/gtest.h>

#include "seal/bytes.hpp"
#include "seal/tree.hpp"

namespace alibi::seal {
namespace {

using std::string_literals::operator""s;

TEST(Salts, AreTheKeystreamOfRfc8439) {
  // Appendix A.1, test vectors 1 and 2: key and nonce zero, counters 0 and 1.
  EXPECT_EQ(to_hex(salts_of(Seed{}, 1)),
            "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
            "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
            "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
            "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
  EXPECT_EQ(salts_of(Seed{}, 3).size(), 384U);
  EXPECT_EQ(salts_of(Seed{}, 3).substr(0, 128), salts_of(Seed{}, 1));
  EXPECT_EQ(salts_of(Seed{}, 0), "");
}

TEST(Salts, BlockSeedIsAnHmac) {
  Seed seed{};
  seed[0] = 7;
  const std::string key = "\7"s + std::string(31, '\0');
  const Hash expected = hmac_sha256(key, "alibi-block-v1\0\0\0\0\0\0\1\2"s);
  EXPECT_EQ(block_seed(seed, 258), expected.bytes);
}

TEST(Fields, AreCutAtCommasOutsideQuotes) {
  using Fields = std::vector<std::string_view>;
  EXPECT_EQ(split_fields("a,\"b,c\",,d\n"), (Fields{"a", "\"b,c\"", "", "d"}));
  EXPECT_EQ(split_fields(""), (Fields{""}));
  EXPECT_EQ(split_fields("\n"), (Fields{""}));
  EXPECT_EQ(split_fields(","), (Fields{"", ""}));
  EXPECT_EQ(split_fields("\"a,b"), (Fields{"\"a,b"}));
}

/// Section 3, word for word.
std::vector<std::string> defined_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool is_quoted = false;
  for (const char byte : line) {
    if (byte == '"') is_quoted = !is_quoted;
    if (byte == ',' && !is_quoted) {
      fields.emplace_back();
    } else {
      fields.back() += byte;
    }
  }
  return fields;
}

TEST(Fields, AreThoseOfTheDefinition) {
  for (std::size_t length = 0; length <= 8; ++length) {
    for (std::size_t choice = 0; choice < std::size_t{1} << (2 * length); ++choice) {
      std::string line;
      for (std::size_t i = 0; i < length; ++i)
        line += "a,\"b"[choice >> (2 * i) & 3];
      const std::string whole = line + "\n";
      const auto fields = split_fields(whole);
      ASSERT_EQ(std::vector<std::string>(fields.begin(), fields.end()), defined_fields(line))
          << line;
    }
  }
}

TEST(Fields, ColumnsAreThoseOfTheHeaderInItsOrder) {
  const auto columns = Columns::from("user,args", "seq,user,exe,args\n");
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->fields(), 4U);
  EXPECT_EQ(columns->hideable(), (std::vector<std::size_t>{1, 3}));
  EXPECT_EQ(columns->header(), "seq,user,exe,args\n");
  EXPECT_TRUE(Columns::from("", "a,b")->hideable().empty());
  EXPECT_EQ(Columns::from("pid", "seq,user").error().code, Errc::Corrupt);
  EXPECT_FALSE(Columns::from("args,user", "seq,user,exe,args"));
  EXPECT_FALSE(Columns::from("user,user", "seq,user"));
  EXPECT_TRUE(Columns::from("a,b,c,d,e,f,g", "a,b,c,d,e,f,g,h"));
  EXPECT_FALSE(Columns::from("a,b,c,d,e,f,g,h", "a,b,c,d,e,f,g,h"));
}

class Committed : public ::testing::Test {
 protected:
  std::string expected_field(std::size_t k, std::string_view field) {
    return "#" +
           to_base64(
               sha256("alibi-column-v1\n" + salts_.substr(16 * k, 16) + std::string(field)).view());
  }

  Columns columns_ = Columns::from("user,args", "seq,user,exe,args\n").value();
  std::string salts_ = salts_of(Seed{}, 1);
  Sha256 sha_;
};

TEST_F(Committed, ReplacesWhatIsNotEmpty) {
  EXPECT_EQ(commit_line(sha_, columns_, salts_, "1,root,/bin/sh,\"a,b\"\n"),
            "1," + expected_field(1, "root") + ",/bin/sh," + expected_field(2, "\"a,b\"") + "\n");
  EXPECT_EQ(commit_line(sha_, columns_, salts_, "1,,/bin/sh,x\n"),
            "1,,/bin/sh," + expected_field(2, "x") + "\n");
  EXPECT_EQ(commit_field(sha_, salts_.substr(16, 16), "root"), expected_field(1, "root"));
}

TEST_F(Committed, OtherLinesStayAsTheyAre) {
  for (const char* line : {"seq,user,exe,args\n", "1,root,/bin/sh\n", "1,root,/bin/sh,x,y\n", "\n"})
    EXPECT_EQ(commit_line(sha_, columns_, salts_, line), line);
}

TEST_F(Committed, HiddenColumnsAreTakenAsTheyStand) {
  const std::string hidden = "1,root,/bin/sh," + expected_field(2, "x") + "\n";
  const bool keep[] = {true, false};
  EXPECT_EQ(commit_line(sha_, columns_, salts_, hidden, keep),
            commit_line(sha_, columns_, salts_, "1,root,/bin/sh,x\n"));
}

TEST_F(Committed, LeafHashOfALineAndOfAPacket) {
  EXPECT_EQ(item_hash(sha_, Stream::Events, salts_.substr(0, 16), "line\n"),
            sha256("\0alibi-line-v1\n"s + salts_.substr(0, 16) + "line\n"));
  EXPECT_EQ(item_hash(sha_, Stream::Packets, salts_.substr(0, 16), "block"),
            sha256("\0alibi-packet-v1\n"s + salts_.substr(0, 16) + "block"));
}

TEST_F(Committed, HashesOfABlockAreThoseOfItsItems) {
  const std::string lines = "seq,user,exe,args\n1,root,/bin/sh,x\n2,,/bin/ls,\n";
  const auto hashes = hash_items(Stream::Events, columns_, Seed{}, lines);
  ASSERT_TRUE(hashes);
  const std::string salts = salts_of(Seed{}, 3);
  const auto items = split_items(Stream::Events, lines).value();
  ASSERT_EQ(items.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string own = salts.substr(i * 128, 128);
    EXPECT_EQ((*hashes)[i], item_hash(sha_, Stream::Events, own.substr(0, 16),
                                      commit_line(sha_, columns_, own, items[i])));
  }
}

/// A pcapng block of `type` with a body of `body` bytes.
std::string pcapng_block(unsigned char type, std::size_t body) {
  const auto length = static_cast<unsigned char>(12 + body);
  const std::string size = {static_cast<char>(length), 0, 0, 0};
  return std::string{static_cast<char>(type), 0, 0, 0} + size + std::string(body, 'x') + size;
}

TEST(Items, ArePcapngBlocks) {
  const std::string one = pcapng_block(1, 8);
  const std::string two = pcapng_block(6, 40);
  const std::string bytes = one + two;
  const auto items = split_items(Stream::Packets, bytes);
  ASSERT_TRUE(items);
  EXPECT_EQ(*items, (std::vector<std::string_view>{one, two}));
  EXPECT_EQ(split_items(Stream::Packets, bytes.substr(0, bytes.size() - 1)).error().code,
            Errc::Corrupt);
  EXPECT_FALSE(split_items(Stream::Packets, bytes + "xxxx"));
  const auto columns = Columns::from("", "");
  const auto hashes = hash_items(Stream::Packets, *columns, Seed{}, bytes);
  ASSERT_TRUE(hashes);
  Sha256 sha;
  EXPECT_EQ((*hashes)[1],
            item_hash(sha, Stream::Packets, salts_of(Seed{}, 2).substr(128, 16), two));
}

TEST(Items, AreWholeLines) {
  EXPECT_EQ(split_items(Stream::Events, "a\n\nb\n")->size(), 3U);
  EXPECT_FALSE(split_items(Stream::Events, "a\nb"));
  EXPECT_TRUE(split_items(Stream::Events, "")->empty());
}

}  // namespace
}  // namespace alibi::seal
