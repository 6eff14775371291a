// Bytes as text, digests, keys: known answers of the RFCs and of Go's sumdb/note.

#include <gtest/gtest.h>

#include "seal/bytes.hpp"
#include "seal/digest.hpp"
#include "seal/seal_layout.hpp"
#include "seal/signing_key.hpp"
#include "seal/utf8.hpp"

namespace alibi::seal {
namespace {

std::string unhex(std::string_view text) { return from_hex(text).value(); }

TEST(Bytes, Base64HasOneFormOnly) {
  // RFC 4648 section 10.
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(from_base64("Zm8="), "fo");
  EXPECT_EQ(from_base64(""), "");
  for (const char* wrong : {"Zm8", "Zm9=", "Zh==", "Zg=", "Zg", "Zg==\n", " Zg==", "Zg==Zg==", "Z",
                            "=", "Zm9vYmF-", "Zm9v\nYmFy", "\xcf\x9e\xcd\x9a"})
    EXPECT_FALSE(from_base64(wrong)) << wrong;
  EXPECT_EQ(to_base64url("\xfb\xff"), "-_8");
  EXPECT_EQ(from_base64url("-_8"), "\xfb\xff");
  for (const char* wrong : {"-_8=", "+/8", "-_9", "A", "\xcf\x9e\xcd\x9a"})
    EXPECT_FALSE(from_base64url(wrong)) << wrong;
}

TEST(Bytes, HexIsLowerCase) {
  EXPECT_EQ(to_hex("\x01\xfe"), "01fe");
  EXPECT_EQ(from_hex("01fe"), "\x01\xfe");
  for (const char* wrong : {"0", "0g", "FE", "0x01", " 1"})
    EXPECT_FALSE(from_hex(wrong)) << wrong;
}

TEST(Bytes, NumbersAreBigEndian) {
  std::string bytes;
  append_u32be(bytes, 0x01020304);
  append_u64be(bytes, 0x05060708090a0b0c);
  EXPECT_EQ(to_hex(bytes), "0102030405060708090a0b0c");
}

TEST(Bytes, RandomOnesDiffer) {
  EXPECT_EQ(random_bytes(32).size(), 32U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(Digest, KnownAnswers) {
  // FIPS 180-4 examples, RFC 4231 test case 2.
  EXPECT_EQ(sha256("abc").to_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("").to_hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 sha;
  for (int again = 0; again < 2; ++again)
    EXPECT_EQ(sha.begin().add("a").add("").add("bc").finish(), sha256("abc"));
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?").to_hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, OfTextIsOfItsSizeOnly) {
  const Hash hash = sha256("abc");
  EXPECT_EQ(Hash::from_hex(hash.to_hex()), hash);
  EXPECT_EQ(Hash::from_base64(hash.to_base64()), hash);
  EXPECT_FALSE(Hash::from_hex("00"));
  EXPECT_FALSE(Hash::from_base64("AAAA"));
}

TEST(Key, SignsAsRfc8032) {
  // Section 7.1, test 1.
  const auto key = SigningKey::from_seed(
      "log", SignatureType::Ed25519,
      unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  const auto& pub = key.verification_key();
  EXPECT_EQ(to_hex({reinterpret_cast<const char*>(pub.key.data()), pub.key.size()}),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const std::string signature = key.sign("");
  EXPECT_EQ(
      to_hex(signature),
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701"
      "cf9b46bd25bf5f0595bbe24655141438e7a100b");
  EXPECT_TRUE(pub.verifies("", signature));
  EXPECT_FALSE(pub.verifies("x", signature));
  EXPECT_FALSE(pub.verifies("", signature.substr(1)));
  EXPECT_FALSE(pub.verifies("", ""));
}

TEST(Key, RefusesASignatureWithAnotherS) {
  const auto key = SigningKey::generate("log");
  std::string signature = key.sign("text");
  // S + L is the same number modulo the order of the group; RFC 8032 forbids it.
  const std::string order =
      unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned char>(signature[32 + i]) + static_cast<unsigned char>(order[i]);
    signature[32 + i] = static_cast<char>(carry & 0xff);
    carry >>= 8;
  }
  EXPECT_FALSE(key.verification_key().verifies("text", signature));
}

TEST(Key, IsWrittenAsGoWritesIt) {
  // The example of golang.org/x/mod/sumdb/note.
  constexpr std::string_view kSecret =
      "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
  constexpr std::string_view kPublic =
      "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const auto key = SigningKey::from_text(kSecret);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->to_text(), kSecret);
  EXPECT_EQ(key->verification_key().to_text(), kPublic);
  EXPECT_EQ(VerificationKey::from_text(kPublic), key->verification_key());
}

TEST(Key, MovesAndIsMovedOver) {
  auto one = SigningKey::generate("one");
  auto two = SigningKey::generate("two");
  const std::string signature = one.sign("x");
  two = std::move(one);
  EXPECT_EQ(two.verification_key().name, "one");
  EXPECT_EQ(two.sign("x"), signature);
}

std::string text_of(std::string name, std::string_view key_hex) {
  VerificationKey key{.name = std::move(name)};
  const std::string bytes = unhex(key_hex);
  std::copy(bytes.begin(), bytes.end(), key.key.begin());
  return key.to_text();
}

TEST(Key, RefusesWeakOnes) {
  constexpr std::string_view kGood =
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
  EXPECT_TRUE(VerificationKey::from_text(text_of("n", kGood)));
  for (const char* weak : {
           "0100000000000000000000000000000000000000000000000000000000000000",  // identity
           "0000000000000000000000000000000000000000000000000000000000000000",  // order 4
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // order 2
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  // order 8
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",  // order 8
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // 1 + p
           "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // above p
           "0200000000000000000000000000000000000000000000000000000000000000",  // not on the curve
       })
    EXPECT_FALSE(VerificationKey::from_text(text_of("n", weak))) << weak;
}

TEST(Key, IsReadStrictly) {
  const std::string good = SigningKey::generate("example.org/log").verification_key().to_text();
  ASSERT_TRUE(VerificationKey::from_text(good));
  std::string other_hash = good;
  char& digit = other_hash[good.find('+') + 1];
  digit = digit == '0' ? '1' : '0';
  for (const std::string& wrong : {std::string(), std::string("name"), "x" + good, good + "\n",
                                   good.substr(0, good.size() - 1), " " + good, other_hash,
                                   std::string("n+00000000+"), std::string("n+00000000+AQ==")})
    EXPECT_FALSE(VerificationKey::from_text(wrong)) << wrong;
  EXPECT_FALSE(SigningKey::from_text(good));
  const std::string secret = SigningKey::generate("n").to_text();
  EXPECT_TRUE(SigningKey::from_text(secret));
  EXPECT_FALSE(SigningKey::from_text(secret + "A"));
}

TEST(Key, NamesAreUtf8WithoutSpacesAndPlus) {
  for (const char* good : {"a", "alibi/00/epoch/17", "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x94\x91"})
    EXPECT_TRUE(is_key_name(good)) << good;
  for (const char* wrong :
       {"", "a b", "a+b", "a\tb", "a\xc2\xa0", "\xe2\x80\xa8", "\xe3\x80\x80", "\xff", "\xc0\xaf",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80", "a\x7f", "\x01"})
    EXPECT_FALSE(is_key_name(wrong)) << wrong;
}

TEST(Layout, NamesOfSetsSeedsAndTiles) {
  const SealLayout layout{"/log"};
  EXPECT_EQ(layout.leaves(0), "/log/log/leaves/00000000000000000000.csv");
  EXPECT_EQ(layout.leaves(65535), "/log/log/leaves/00000000000000000000.csv");
  EXPECT_EQ(layout.leaves(65536), "/log/log/leaves/00000000000000065536.csv");
  EXPECT_EQ(layout.epochs(200000), "/log/log/epochs/00000000000000196608.txt");
  EXPECT_EQ(layout.cosigned(1), "/log/log/cosigned/00000000000000000000.txt");
  EXPECT_EQ(layout.seed(Stream::Events, 17), "/log/events/0000000000000017.seed");
  EXPECT_EQ(layout.seed(Stream::Packets, 17), "/log/packets/00000000000000000017.seed");
  EXPECT_EQ(layout.tile(0, 1234067, 256), "/log/log/tile/0/x001/x234/067");
  EXPECT_EQ(layout.tile(1, 0, 5), "/log/log/tile/1/000.p/5");
  EXPECT_EQ(layout.tile(2, 1000, 256), "/log/log/tile/2/x001/000");
  EXPECT_EQ(layout.entries(999, 1), "/log/log/tile/entries/999.p/1");
}

}  // namespace
}  // namespace alibi::seal
