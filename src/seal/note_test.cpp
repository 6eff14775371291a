#include "seal/note.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "seal/bytes.hpp"
#include "seal/leaf_log.hpp"
#include "seal/tree.hpp"

namespace alibi::seal {
namespace {

const std::string kText =
    "alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60\n300\nYyUuofIAese3uoJDMur0WGsc7h+tAnRV5cAwwGUe2Og=\n";

class NoteTest : public ::testing::Test {
 protected:
  NoteTest() {
    note_.text = kText;
    note_.signatures = {sign_note(log_, kText), cosign_note(witness_, kText, 1'800'000'000)};
  }

  SigningKey log_ = SigningKey::generate("alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60");
  SigningKey witness_ = SigningKey::generate("witness.example/w1", SignatureType::Cosignature);
  Note note_;
};

TEST(Note, IsSignedAsGoSignsIt) {
  // The example of golang.org/x/mod/sumdb/note.
  const auto key = SigningKey::from_text(
      "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz");
  EXPECT_EQ(
      sign_note(*key,
                "If you think cryptography is the answer to your problem,\n"
                "then you don't know what your problem is.\n")
          .to_line(),
      "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZ"
      "b6KE6RyyBwJnAM=\n");
}

TEST_F(NoteTest, ComesBack) {
  const std::string bytes = note_.to_text();
  const auto back = parse_note(bytes);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->text, kText);
  EXPECT_EQ(back->to_text(), bytes);
  EXPECT_EQ(check_signature(*back, log_.verification_key()), Signed::Yes);
  EXPECT_EQ(check_signature(*back, witness_.verification_key()), Signed::Yes);
  EXPECT_EQ(cosigned_at(*back, witness_.verification_key()), 1'800'000'000U);
  EXPECT_FALSE(cosigned_at(*back, log_.verification_key()));
}

TEST_F(NoteTest, KnownLinesMustBeRight) {
  auto other = SigningKey::generate(log_.verification_key().name);
  EXPECT_EQ(check_signature(note_, other.verification_key()), Signed::No);
  Note wrong = note_;
  wrong.text[7] ^= 1;
  EXPECT_EQ(check_signature(wrong, log_.verification_key()), Signed::Wrong);
  EXPECT_EQ(check_signature(wrong, witness_.verification_key()), Signed::Wrong);
  EXPECT_FALSE(cosigned_at(wrong, witness_.verification_key()));
  // One right line does not heal a wrong one.
  Note both = note_;
  both.signatures.push_back(both.signatures[0]);
  both.signatures.back().bytes[3] ^= 1;
  EXPECT_EQ(check_signature(both, log_.verification_key()), Signed::Wrong);
  Note later = note_;
  later.signatures[1].bytes[7] ^= 1;  // another time than the one that was signed
  EXPECT_FALSE(cosigned_at(later, witness_.verification_key()));
  Note brief = note_;
  brief.signatures[1].bytes.resize(40);
  EXPECT_EQ(check_signature(brief, witness_.verification_key()), Signed::Wrong);
}

TEST_F(NoteTest, IsReadStrictly) {
  const std::string good = note_.to_text();
  const auto is_good = [](const std::string& bytes) { return parse_note(bytes).has_value(); };
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string bytes = good;
    return bytes.replace(bytes.find(from), from.size(), to);
  };
  ASSERT_TRUE(is_good(good));
  const std::string line = note_.signatures[0].to_line();
  for (const std::string& wrong : {std::string(),
                                   std::string("\n"),
                                   kText,
                                   kText + "\n",
                                   good + "\n",
                                   good + "x",
                                   good.substr(0, good.size() - 1),
                                   with("\n\n", "\n"),
                                   with("\n\n", "\nextension\n\n"),
                                   with("\n300\n", "\n300\r\n"),
                                   with("\n300\n", "\n\t300\n"),
                                   with("\n300", ""),
                                   with("\xe2\x80\x94 ", "- "),
                                   with("\xe2\x80\x94 a", "\xe2\x80\x94 +"),
                                   with("alibi",
                                        "al\xff"
                                        "bi"),
                                   kText + "\n" + "\xe2\x80\x94 name\n",
                                   kText + "\n" + "\xe2\x80\x94 name AAAA\n",
                                   kText + "\n" + "\xe2\x80\x94 name AAAAAAA\n",
                                   kText + "\n" + "\xe2\x80\x94  AAAAAAAA\n",
                                   "\n" + good})
    EXPECT_FALSE(is_good(wrong)) << wrong;
  std::string many = kText + "\n";
  for (std::size_t i = 0; i < kNoteSignaturesMax; ++i)
    many += line;
  EXPECT_TRUE(is_good(many));
  EXPECT_FALSE(is_good(many + line));
  EXPECT_FALSE(is_good(std::string(kNoteBytesMax, 'x') + good));
}

TEST_F(NoteTest, NotesFollowEachOther) {
  const std::string one = note_.to_text();
  const std::string two = one + one;
  std::size_t used = 0;
  EXPECT_EQ(parse_notes(two, used).size(), 2U);
  EXPECT_EQ(used, two.size());
  // Cut anywhere in the second: the first is there. Where a whole signature line is
  // the last thing, nothing says that another one was to follow.
  const std::size_t first_line_end = two.size() - note_.signatures[1].to_line().size();
  for (std::size_t size = one.size(); size < two.size(); ++size) {
    const auto notes = parse_notes(std::string_view(two).substr(0, size), used);
    EXPECT_EQ(notes.size(), size == first_line_end ? 2U : 1U) << size;
    EXPECT_EQ(used, size == first_line_end ? size : one.size());
  }
}

TEST(Checkpoint, IsReadStrictly) {
  const auto good = Checkpoint::from_text(kText);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->origin, "alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60");
  EXPECT_EQ(good->size, 300U);
  EXPECT_EQ(good->to_text(), kText);
  const auto with = [](std::string_view from, std::string_view to) {
    std::string text = kText;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& wrong :
       {std::string(), kText + "x\n", kText.substr(0, kText.size() - 1),
        with("\n300\n", "\n0300\n"), with("\n300\n", "\n+300\n"), with("\n300\n", "\n\n"),
        with("\n300\n", "\n9223372036854775808\n"), with("2Og=", "2Oh="), with("2Og=", "2Og"),
        with("YyUu", ""), kText.substr(kText.find('\n'))})
    EXPECT_FALSE(Checkpoint::from_text(wrong)) << wrong;
}

class LeafLog : public ::testing::Test {
 protected:
  LeafLog() {
    std::string name = "/tmp/alibi_leaf_log_XXXXXX";
    layout_.directory = ::mkdtemp(name.data());
    std::filesystem::create_directories(layout_.leaves(0).parent_path());
    std::filesystem::create_directories(layout_.epochs(0).parent_path());
  }
  ~LeafLog() override { std::filesystem::remove_all(layout_.directory); }

  static void write(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  static std::string lines(std::uint64_t from, std::uint64_t to) {
    std::string text;
    for (; from < to; ++from)
      text += "leaf " + std::to_string(from) + "\n";
    return text;
  }
  /// The leaves as one text, or the error's message.
  std::string read(std::uint64_t from, std::uint64_t to) {
    std::string text;
    std::uint64_t expected = from;
    const auto end = for_each_leaf(store::real_disk(), layout_, from, to,
                                   [&](std::uint64_t index, std::string_view line) {
                                     EXPECT_EQ(index, expected++);
                                     text += line;
                                     return true;
                                   });
    if (!end) return "error: " + end.error().message;
    EXPECT_EQ(*end, expected);
    return text;
  }

  SealLayout layout_;
};

TEST_F(LeafLog, ReadsOverTheEndOfAFile) {
  write(layout_.leaves(0), lines(0, kLeavesPerFile));
  write(layout_.leaves(kLeavesPerFile), lines(kLeavesPerFile, kLeavesPerFile + 3));
  EXPECT_EQ(read(kLeavesPerFile - 2, kLeavesPerFile + 2),
            lines(kLeavesPerFile - 2, kLeavesPerFile + 2));
  EXPECT_EQ(read(0, 5), lines(0, 5));
  EXPECT_EQ(read(kLeavesPerFile + 1, 1ULL << 40), lines(kLeavesPerFile + 1, kLeavesPerFile + 3));
  std::uint64_t visited = 0;
  EXPECT_EQ(
      for_each_leaf(store::real_disk(), layout_, 0, 100, [&](auto, auto) { return ++visited < 4; }),
      4U);
}

TEST_F(LeafLog, MissingAndTornLeavesEndIt) {
  EXPECT_EQ(read(0, 5), "");
  write(layout_.leaves(kLeavesPerFile), lines(kLeavesPerFile, kLeavesPerFile + 3));
  EXPECT_EQ(read(0, 5), "");
  write(layout_.leaves(0), lines(0, 3));
  EXPECT_EQ(read(1, kLeavesPerFile), lines(1, 3));
  write(layout_.leaves(0), lines(0, 3) + "torn");
  EXPECT_EQ(read(0, 5), lines(0, 3));
  EXPECT_EQ(read(1, 2), lines(1, 2));
}

TEST_F(LeafLog, DamageIsAnError) {
  write(layout_.leaves(0), lines(0, kLeavesPerFile + 1));
  EXPECT_TRUE(read(0, 2 * kLeavesPerFile).ends_with("more leaves than one file may have"));
  write(layout_.leaves(0), std::string(kLeafBytesMax, 'x') + "\n");
  EXPECT_TRUE(read(0, 1).ends_with("leaf 0 is longer than 4096 bytes"));
}

TEST_F(LeafLog, NotesOfAllFiles) {
  const auto key = SigningKey::generate("log");
  const std::string note = Note{kText, {sign_note(key, kText)}}.to_text();
  EXPECT_TRUE(read_epoch_notes(store::real_disk(), layout_)->empty());
  EXPECT_TRUE(list_cosigned(store::real_disk(), layout_)->empty());  // no directory
  write(layout_.epochs(0), note + note);
  write(layout_.epochs(kLeavesPerFile), note + note.substr(0, 50));
  EXPECT_EQ(read_epoch_notes(store::real_disk(), layout_)->size(), 3U);
  write(layout_.epochs(0), note + "garbage\n" + note);  // ends the reading of that file
  EXPECT_EQ(read_epoch_notes(store::real_disk(), layout_)->size(), 2U);
}

}  // namespace
}  // namespace alibi::seal
