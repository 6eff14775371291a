// The example of tlog-witness, and what must not be read as a request.

#include "witness/add_checkpoint.hpp"

#include <gmock/gmock.h>

namespace alibi::witness {
namespace {

constexpr const char* kRequest =
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

TEST(AddCheckpoint, ReadsTheExampleOfTheSpecification) {
  const auto request = AddCheckpoint::from_text(kRequest);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->old_size, 20'852'014U);
  ASSERT_EQ(request->proof.size(), 4U);
  EXPECT_EQ(request->proof[3].to_base64(), "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=");
  ASSERT_EQ(request->note.signatures.size(), 1U);
  EXPECT_EQ(request->note.signatures[0].key_hash, 0x033de0aeU);
  EXPECT_EQ(request->to_text(), kRequest);
}

TEST(AddCheckpoint, ReadsSignatureLines) {
  const std::string line = std::string(kRequest).substr(std::string(kRequest).find("—"));
  const auto lines = parse_signature_lines(line + line);
  ASSERT_TRUE(lines) << lines.error().message;
  EXPECT_EQ(lines->size(), 2U);
  EXPECT_EQ((*lines)[0].to_line(), line);
  for (const std::string& wrong :
       {std::string(), std::string("\n"), "x\n\n" + line, line + "\n", line + "x\n",
        "old 1\n" + line, line.substr(0, line.size() - 1), "\n" + line})
    EXPECT_FALSE(parse_signature_lines(wrong)) << wrong;
}

TEST(AddCheckpoint, ReadsTheSizeOfAConflict) {
  EXPECT_EQ(parse_size_line("300\n").value_or(1), 300U);
  EXPECT_EQ(parse_size_line("0\n").value_or(1), 0U);
  for (const char* wrong :
       {"", "300", "\n", "03\n", "-1\n", "300\n\n", "9223372036854775808\n", "x\n"})
    EXPECT_FALSE(parse_size_line(wrong)) << wrong;
}

}  // namespace
}  // namespace alibi::witness
