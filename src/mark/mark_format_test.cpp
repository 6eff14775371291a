// The parser, the writer and the hash that kernel and user space share, against
// the vectors of docs/marking.md and those of SipHash's authors.

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "bpf/lib/siphash.h"
#include "wire/alibi_mark_write.h"

namespace alibi::mark {
namespace {

using Buffer = std::array<__u8, ALIBI_MARK_BUFFER_BYTES>;

std::vector<__u8> from_hex(const std::string& hex) {
  std::vector<__u8> bytes;
  if (hex == "-") return bytes;
  for (std::size_t k = 0; k + 1 < hex.size(); k += 2)
    bytes.push_back(static_cast<__u8>(std::stoul(hex.substr(k, 2), nullptr, 16)));
  return bytes;
}

Buffer padded(const std::vector<__u8>& bytes) {
  Buffer buffer{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), buffer.size()), buffer.begin());
  return buffer;
}

std::string diagnoses_text(const alibi_mark& mark) {
  std::ostringstream text;
  for (unsigned k = 0; k < mark.count; ++k)
    text << ' ' << mark.diagnoses[k].time_s << ':' << unsigned{mark.diagnoses[k].category} << '/'
         << unsigned{mark.diagnoses[k].code};
  return text.str();
}

std::string text_of(const alibi_mark& mark) {
  switch (mark.form) {
    case ALIBI_MARK_ABSENT: return "absent";
    case ALIBI_MARK_V1: return "v1" + diagnoses_text(mark);
    case ALIBI_MARK_V2: return "v2 " + std::to_string(mark.key) + diagnoses_text(mark);
    default: return "malformed";
  }
}

/// The words of each line of an indented block that begins with `word`.
std::vector<std::vector<std::string>> vectors(const std::string& word) {
  std::vector<std::vector<std::string>> found;
  std::ifstream document(ALIBI_MARKING_DOCUMENT);
  for (std::string line; std::getline(document, line);) {
    if (!line.starts_with("    " + word)) continue;
    std::istringstream in(line);
    found.emplace_back(std::istream_iterator<std::string>(in),
                       std::istream_iterator<std::string>());
  }
  return found;
}

std::string after_equals(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t k = 3; k < words.size(); ++k)
    text += (k == 3 ? "" : " ") + words[k];
  return text;
}

TEST(MarkFormat, ParsesTheTcpVectorsOfTheDocument) {
  const auto all = vectors("tcp ");
  ASSERT_GE(all.size(), 15U);
  for (const auto& words : all) {
    const auto bytes = from_hex(words.at(1));
    alibi_mark mark{};
    alibi_mark_parse_tcp(padded(bytes).data(), static_cast<__u32>(bytes.size()), &mark);
    EXPECT_EQ(text_of(mark), after_equals(words)) << words.at(1);
  }
}

TEST(MarkFormat, ParsesTheUdpVectorsOfTheDocument) {
  const auto all = vectors("udp-");
  ASSERT_GE(all.size(), 6U);
  for (const auto& words : all) {
    const auto bytes = from_hex(words.at(1));
    alibi_mark mark{};
    alibi_mark_parse_udp(padded(bytes).data(), static_cast<__u32>(bytes.size()),
                         words.at(0) == "udp-odd", &mark);
    EXPECT_EQ(text_of(mark), after_equals(words)) << words.at(1);
  }
}

TEST(MarkFormat, ComputesTheTagsOfTheDocument) {
  const auto all = vectors("tag ");
  ASSERT_GE(all.size(), 6U);
  for (const auto& words : all) {
    auto source = from_hex(words.at(2));
    if (source.size() == 4) source.insert(source.begin(), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255});
    const auto option = from_hex(words.at(4));
    alibi_mark_tagged tagged{};
    alibi_mark_tag_input(&tagged, source.data(), padded(option).data(), 0, option.at(5),
                         static_cast<__u32>(std::stoul(words.at(3))));
    const auto tag =
        static_cast<__u32>(siphash(from_hex(words.at(1)).data(), tagged.message, tagged.bytes));
    EXPECT_EQ(tag, std::stoul(words.at(6), nullptr, 16)) << words.at(4);
  }
}

TEST(MarkFormat, WritesWhatItReads) {
  std::array<alibi_diagnosis, ALIBI_MARK_DIAGNOSES_MAX> diagnoses{};
  for (unsigned k = 0; k < diagnoses.size(); ++k)
    diagnoses[k] = {.time_s = 0xfedcba98U - k,
                    .category = static_cast<__u8>(k + 1),
                    .code = 255,
                    .reserved_0 = 0};
  for (__u32 count = 1; count <= ALIBI_MARK_DIAGNOSES_MAX; ++count) {
    Buffer buffer{};
    alibi_mark mark{};
    const __u32 v1 = alibi_mark_write_v1(buffer.data(), diagnoses.data(), count);
    alibi_mark_parse_tcp(buffer.data(), v1, &mark);
    EXPECT_EQ(mark.form, ALIBI_MARK_V1);
    EXPECT_EQ(mark.count, count);
    EXPECT_EQ(mark.diagnoses[count - 1].time_s, diagnoses[count - 1].time_s);
    if (count > ALIBI_MARK_DIAGNOSES_MAX_V2) continue;
    const __u32 v2 =
        alibi_mark_write_v2(buffer.data(), ALIBI_MARK_TCP_KIND, 9, diagnoses.data(), count);
    alibi_mark_write_tag(buffer.data(), count, 0x01020304);
    alibi_mark_parse_tcp(buffer.data(), v2, &mark);
    EXPECT_EQ(mark.form, ALIBI_MARK_V2);
    EXPECT_EQ(mark.tag, 0x01020304U);
    EXPECT_EQ(mark.key, 9);
  }
}

// Aumasson, Bernstein, "SipHash: a fast short-input PRF" (2012), reference code,
// vectors_sip64: key 00..0f, message 00..(n-1), output little-endian.
TEST(MarkFormat, SipHashGivesTheVectorsOfItsAuthors) {
  constexpr std::uint64_t kExpected[] = {
      0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
      0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
      0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
      0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5};
  std::array<__u8, 16> key{};
  for (unsigned k = 0; k < key.size(); ++k)
    key[k] = static_cast<__u8>(k);
  Buffer message{};
  for (unsigned n = 0; n < std::size(kExpected); ++n) {
    EXPECT_EQ(siphash(key.data(), message.data(), n), kExpected[n]) << n;
    message[n] = static_cast<__u8>(n);
  }
}

}  // namespace
}  // namespace alibi::mark
