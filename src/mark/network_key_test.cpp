#include "mark/network_key.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace alibi::mark {
namespace {

const std::string kDigits = "000102030405060708090a0B0c0D0e0F";
constexpr NetworkKey kKey{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

TEST(NetworkKey, IsThirtyTwoDigitsAndPerhapsOneLineEnd) {
  EXPECT_EQ(parse_network_key(kDigits), kKey);
  EXPECT_EQ(parse_network_key(kDigits + "\n"), kKey);
}

TEST(NetworkKey, NothingElseIsOne) {
  const std::string raw(16, 'k');
  for (const std::string& text : {std::string(),
                                  std::string("\n"),
                                  kDigits + "\n\n",
                                  kDigits + "\r\n",
                                  kDigits + "\r",
                                  kDigits + " ",
                                  " " + kDigits,
                                  "\n" + kDigits,
                                  kDigits + kDigits,
                                  kDigits + "\n" + kDigits,
                                  kDigits.substr(1),
                                  kDigits + "0",
                                  "0x" + kDigits.substr(2),
                                  kDigits.substr(0, 31) + "g",
                                  "+" + kDigits.substr(1),
                                  kDigits.substr(0, 16) + "\n" + kDigits.substr(17),
                                  raw,
                                  raw + "\n",
                                  std::string(32, '\0'),
                                  kDigits.substr(0, 31) + std::string(1, '\0'),
                                  kDigits + std::string(1, '\0')})
    EXPECT_FALSE(parse_network_key(text)) << testing::PrintToString(text);
}

TEST(NetworkKey, AFileSaysWhatIsWrong) {
  char directory[] = "/tmp/alibi-key-XXXXXX";
  ASSERT_TRUE(::mkdtemp(directory));
  const std::filesystem::path file = std::filesystem::path(directory) / "key";
  EXPECT_EQ(read_network_key(file).error().code, Errc::NotFound);
  std::ofstream(file) << kDigits << '\n';
  EXPECT_EQ(read_network_key(file).value(), kKey);
  std::ofstream(file) << kDigits << "\n" << kDigits << "\n";  // two keys are no key
  const auto two = read_network_key(file);
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, Errc::Usage);
  EXPECT_NE(two.error().message.find("openssl rand -hex 16"), std::string::npos);
  EXPECT_FALSE(read_network_key(directory));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace alibi::mark
