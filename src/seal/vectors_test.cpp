// Our functions against tests/attack/vectors: values that an implementation in
// another language made from docs/seal-format.md alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "seal/bytes.hpp"
#include "seal/item.hpp"
#include "seal/leaf.hpp"
#include "seal/note.hpp"
#include "seal/tree.hpp"

namespace alibi::seal {
namespace {

/// Lines `NAME VALUE` of a file, without comments.
std::vector<std::pair<std::string, std::string>> read_vectors(const std::string& name) {
  std::ifstream file(std::string(ALIBI_VECTORS "/") + name);
  std::vector<std::pair<std::string, std::string>> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const std::size_t space = line.find(' ');
    lines.emplace_back(line.substr(0, space),
                       space == std::string::npos ? "" : line.substr(space + 1));
  }
  EXPECT_FALSE(lines.empty()) << name;
  return lines;
}

std::string bytes_of(const std::string& hex) { return from_hex(hex).value(); }

Seed seed_of(const std::string& hex) {
  Seed seed{};
  std::ranges::copy(bytes_of(hex), seed.begin());
  return seed;
}

std::string text_of(const Seed& seed) { return {seed.begin(), seed.end()}; }

Hash hash_of(const std::string& hex) { return Hash::from_hex(hex).value(); }

/// A block of either stream; every value between is compared on the way.
void check_block(const std::string& file, Stream stream) {
  std::string hideable;
  std::string bytes;
  std::string salts;
  std::string committed;
  Seed segment{};
  Seed block{};
  std::size_t items = 0;
  std::size_t item = 0;
  std::vector<Hash> leaves;
  Columns columns;
  Sha256 sha;
  for (const auto& [name, value] : read_vectors(file)) {
    if (name == "hideable") hideable = value;
    if (name == "segment_seed") segment = seed_of(value);
    if (name == "block") block = block_seed(segment, std::stoull(value));
    if (name == "block_seed") {
      EXPECT_EQ(to_hex(text_of(block)), value);
    }
    if (name == "items") items = std::stoull(value);
    if (name == "item") item = std::stoull(value);
    if (name == "line") {
      if (item == 0) columns = Columns::from(hideable, value).value();
      committed = value + "\n";
      bytes += committed;
    }
    if (name == "packet") {
      committed = bytes_of(value);
      bytes += committed;
    }
    if (name == "salts") {
      salts = bytes_of(value);
      EXPECT_EQ(salts_of(block, items).substr(item * 128, 128), salts) << "item " << item;
    }
    if (name == "committed") {
      EXPECT_EQ(commit_line(sha, columns, salts, committed), value + "\n") << "item " << item;
      committed = value + "\n";
    }
    if (name == "data") {
      EXPECT_EQ(leaf_hash(bytes_of(value)),
                item_hash(sha, stream, salts.substr(0, kSaltBytes), committed));
    }
    if (name == "leaf") {
      leaves.push_back(hash_of(value));
      EXPECT_EQ(item_hash(sha, stream, salts.substr(0, kSaltBytes), committed), leaves.back())
          << "item " << item;
    }
    if (name == "root") {
      EXPECT_EQ(tree_hash(leaves).to_base64(), value);
    }
  }
  EXPECT_EQ(leaves.size(), items);
  const auto hashes = hash_items(stream, columns, block, bytes);
  ASSERT_TRUE(hashes) << hashes.error().message;
  EXPECT_EQ(*hashes, leaves);
}

TEST(Vectors, BlockOfLines) { check_block("block.txt", Stream::Events); }
TEST(Vectors, BlockOfPackets) { check_block("packets.txt", Stream::Packets); }

TEST(Vectors, LeavesAndRoots) {
  GrowingTree tree;
  std::vector<Hash> leaves;
  std::string root;
  std::vector<std::pair<std::uint64_t, std::vector<Hash>>> proofs;
  for (const auto& [name, value] : read_vectors("tree.txt")) {
    if (name == "text") {
      const auto leaf = Leaf::from_line(value + "\n");
      ASSERT_TRUE(leaf) << leaf.error().message;
      EXPECT_EQ(leaf->to_line(), value + "\n");
      tree.append(leaf_hash(value + "\n"));
    }
    if (name == "hash") {
      leaves.push_back(hash_of(value));
    }
    if (name == "root") {
      root = value;
      EXPECT_EQ(tree.root().to_base64(), value);
      EXPECT_EQ(tree_hash(leaves).to_base64(), value);
    }
    if (name == "proof") proofs.emplace_back(std::stoull(value), std::vector<Hash>{});
    if (name == "sibling") proofs.back().second.push_back(Hash::from_base64(value).value());
  }
  const Hash last = Hash::from_base64(root).value();
  EXPECT_EQ(proofs.size(), 3U);
  for (const auto& [index, path] : proofs) {
    EXPECT_TRUE(check_inclusion(leaves[index], index, leaves.size(), path, last)) << index;
    EXPECT_FALSE(check_inclusion(leaves[index], index + 1, leaves.size(), path, last)) << index;
  }
}

TEST(Vectors, KeysAndNotes) {
  std::string who;
  std::string seed;
  std::string text;
  std::string expected;
  std::vector<SigningKey> keys;
  std::vector<std::string> lines;
  std::uint64_t time = 0;
  std::size_t malformed = 0;
  for (const auto& [name, value] : read_vectors("notes.txt")) {
    if (name == "key") who = value;
    if (name == "seed") seed = bytes_of(value);
    if (name == "public") expected = bytes_of(value);
    if (name == "vkey") {
      const SignatureType type =
          who == "witness" ? SignatureType::Cosignature : SignatureType::Ed25519;
      keys.push_back(SigningKey::from_seed(value.substr(0, value.find('+')), type, seed));
      const VerificationKey& key = keys.back().verification_key();
      EXPECT_EQ(std::string(key.key.begin(), key.key.end()), expected);
      EXPECT_EQ(key.to_text(), value);
      EXPECT_EQ(VerificationKey::from_text(value).value(), key);
    }
    if (name == "secret") {
      EXPECT_EQ(keys.back().to_text(), value);
    }
    if (name == "text") text = bytes_of(value);
    if (name == "time") time = std::stoull(value);
    if (name == "line") lines.push_back(value + "\n");
    if (name == "malformed") who = "malformed " + value;
    if (name != "note") continue;
    const auto note = parse_note(bytes_of(value));
    if (who.starts_with("malformed")) {
      ++malformed;
      EXPECT_FALSE(note && Checkpoint::from_text(note->text)) << who;
      continue;
    }
    ASSERT_TRUE(note);
    ASSERT_EQ(keys.size(), 3U);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(note->to_text(), bytes_of(value));
    EXPECT_EQ(sign_note(keys[0], text).to_line(), lines[0]);
    EXPECT_EQ(sign_note(keys[1], text).to_line(), lines[1]);
    EXPECT_EQ(cosign_note(keys[2], text, time).to_line(), lines[2]);
    for (const SigningKey& key : keys)
      EXPECT_EQ(check_signature(*note, key.verification_key()), Signed::Yes)
          << key.verification_key().name;
    EXPECT_EQ(cosigned_at(*note, keys[2].verification_key()), time);
  }
  EXPECT_GE(malformed, 10U);
}

TEST(Vectors, PointsThatAreRefused) {
  std::string what;
  std::string message;
  std::string signature;
  VerificationKey key{.name = "x"};
  std::size_t refused = 0;
  for (const auto& [name, value] : read_vectors("keys.txt")) {
    if (name == "refused" || name == "accepted") what = name;
    if (name == "point") {
      std::ranges::copy(bytes_of(value), key.key.begin());
      const auto again = VerificationKey::from_text(key.to_text());
      EXPECT_EQ(again.has_value(), what == "accepted") << value;
      refused += what == "refused" ? 1U : 0U;
    }
    if (name == "message") message = bytes_of(value);
    if (name == "signature") {
      signature = bytes_of(value);
      EXPECT_TRUE(key.verifies(message, signature));
      signature[0] ^= 1;
      EXPECT_FALSE(key.verifies(message, signature));
    }
    if (name == "high_s") {
      EXPECT_FALSE(key.verifies(message, bytes_of(value)));
    }
  }
  EXPECT_EQ(refused, 11U);
}

}  // namespace
}  // namespace alibi::seal
