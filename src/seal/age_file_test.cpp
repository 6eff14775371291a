// Recipients and the shape of what is written. That `age` opens it: tests/seal.

#include "seal/age_file.hpp"

#include <gtest/gtest.h>

#include <cctype>

namespace alibi::seal {
namespace {

// From the documentation of age.
constexpr const char* kRecipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

TEST(Recipients, AreReadOneALine) {
  const std::string text = "# owner\n\n" + std::string(kRecipient) + "\n" + kRecipient;
  const auto recipients = parse_recipients(text);
  ASSERT_TRUE(recipients) << recipients.error().message;
  EXPECT_EQ(*recipients, (std::vector<std::string>{kRecipient, kRecipient}));
  EXPECT_TRUE(parse_recipients("")->empty());
}

TEST(Recipients, EverythingElseIsRefused) {
  const std::string good = kRecipient;
  std::string upper = good;
  for (char& letter : upper)
    letter = static_cast<char>(std::toupper(letter));
  std::string other = good;
  other[10] = other[10] == 'q' ? 'p' : 'q';
  for (const std::string& wrong :
       {upper, other, good + "q", good.substr(0, good.size() - 1), " " + good, good + " ",
        good + "\r",
        std::string("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"),
        std::string(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"),
        std::string("AGE-SECRET-KEY-1"), std::string("age1"),
        // The point zero, with a right checksum: everybody knows the secret.
        std::string("age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z")}) {
    const auto recipients = parse_recipients("# x\n" + wrong + "\n");
    ASSERT_FALSE(recipients) << wrong;
    EXPECT_EQ(recipients.error().code, Errc::Corrupt);
    EXPECT_TRUE(recipients.error().message.starts_with("line 2:")) << recipients.error().message;
  }
}

TEST(AgeWriter, WritesChunksAsTheyFill) {
  std::string out;
  EXPECT_FALSE(AgeWriter::begin({}, out));
  const std::string wrong[] = {"age1"};
  EXPECT_FALSE(AgeWriter::begin(wrong, out));
  EXPECT_EQ(out, "");
  const std::string recipients[] = {kRecipient, kRecipient};
  auto writer = AgeWriter::begin(recipients, out);
  ASSERT_TRUE(writer);
  EXPECT_TRUE(out.starts_with("age-encryption.org/v1\n-> X25519 "));
  const auto header = out.size();
  constexpr std::size_t kChunk = 65536;
  writer->write(std::string(kChunk, 'x'), out);
  EXPECT_EQ(out.size(), header);  // it may be the last one
  writer->write("x", out);
  EXPECT_EQ(out.size(), header + kChunk + 16);
  writer->finish(out);
  EXPECT_EQ(out.size(), header + kChunk + 16 + 1 + 16);
}

}  // namespace
}  // namespace alibi::seal
