// Keys and cosignatures here were made with python3-cryptography from the texts of
// signed-note and tlog-cosignature, not with the code under test.

#include "seal/policy.hpp"

#include <gmock/gmock.h>

namespace alibi::seal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kLog = "log.example/a+870806f8+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
constexpr const char* kW1 = "w.example/1+c9fde0ca+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
constexpr const char* kW2 = "w.example/2+c4584734+BO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR";
constexpr const char* kW3 = "w.example/3+c9bc9919+BMqTrBcFGHBx1nuDx/8O/oEI6OxFMFdddyaHkzPb2r58";

constexpr const char* kText = "log.example/a\n1\nm84r5OcpO3Rl1Ye2Wz5zqhbLBuB9hzGzVpcHnD+oyl0=\n";
constexpr const char* kSignedByLog =
    "— log.example/a "
    "hwgG+BgqPda/GUr+sHzhFxUCqmiBfeBitRopu0YomciJNYtTNO16i/"
    "D36JZ7HuqCULexHeXQstqJa7uhsrYVtkvzfw0=\n";
constexpr const char* kBy1 =  // 1700000000
    "— w.example/1 "
    "yf3gygAAAABlU/EAjekSmuZIsK+lcb4SD4qY2FpbGmGuCgxhKyn0DUpE7McoBvguzbL2fgZyuhbvY7VEAR4Gcu1HNUn5OE"
    "L+C9OWAA==\n";
constexpr const char* kBy2 =  // 1700000060
    "— w.example/2 "
    "xFhHNAAAAABlU/E81PSqoM2Ms4vifzFVNcwoqFR7FPjekiiAKCM2EQsbEniT4nUEhEHU696+KZqvW/fScjNCJYkzmPsQx8"
    "HFv/QVCw==\n";
constexpr const char* kBy3 =  // 1700000030
    "— w.example/3 "
    "ybyZGQAAAABlU/Ee+lEPvLuZjSS9NeTm7q6exCiPJs9lqMhRyVK4ey70QAa/y/4Qf8hrMX5QejidbenwKzAf4o1BZzq5oV"
    "n3O8xjCA==\n";

std::string three_witnesses() {
  return std::string("witness A ") + kW1 + "\nwitness B " + kW2 +
         " https://b.example/\nwitness C " + kW3 + "\n";
}

std::string message_of(std::string_view text) {
  const auto policy = Policy::from_text(text);
  return policy ? "accepted" : policy.error().message;
}

std::string requirements_message(std::string_view text) {
  const auto requirements = Requirements::from_text(text);
  return requirements ? "accepted" : requirements.error().message;
}

Note note_of(std::initializer_list<const char*> lines) {
  std::string text = std::string(kText) + "\n" + kSignedByLog;
  for (const char* line : lines)
    text += line;
  auto note = parse_note(text);
  EXPECT_TRUE(note) << (note ? "" : note.error().message);
  return note ? *note : Note{};
}

TEST(Policy, ReadsEveryKindOfLine) {
  const auto policy = Policy::from_text(
      "# a comment\n \t # another\n\n\tlog " + std::string(kLog) + " \t https://log.example/\n" +
      three_witnesses() + "group AB any A B\ngroup all-of all AB C\nquorum all-of \n");
  ASSERT_TRUE(policy) << policy.error().message;
  ASSERT_EQ(policy->logs.size(), 1U);
  EXPECT_EQ(policy->logs[0].to_text(), kLog);
  ASSERT_EQ(policy->witnesses.size(), 3U);
  EXPECT_EQ(policy->witnesses[1].name, "B");
  EXPECT_EQ(policy->witnesses[1].key.to_text(), kW2);
  EXPECT_EQ(policy->witnesses[1].url, "https://b.example/");
  EXPECT_EQ(policy->witnesses[2].url, "");
  ASSERT_EQ(policy->groups.size(), 2U);
  EXPECT_EQ(policy->groups[0].threshold, 1U);
  EXPECT_EQ(policy->groups[1].threshold, 2U);
  EXPECT_THAT(policy->groups[1].members, ElementsAre("AB", "C"));
  EXPECT_EQ(policy->quorum, "all-of");
}

TEST(Policy, CountsMembersOfGroups) {
  const auto policy =
      Policy::from_text(three_witnesses() + "group AB all A B\ngroup Q 1 AB C\nquorum Q\n");
  ASSERT_TRUE(policy);
  EXPECT_FALSE(policy->is_satisfied({}));
  EXPECT_FALSE(policy->is_satisfied({"A"}));
  EXPECT_FALSE(policy->is_satisfied({"A", "A"}));
  EXPECT_TRUE(policy->is_satisfied({"A", "B"}));
  EXPECT_TRUE(policy->is_satisfied({"C"}));
  const auto two = Policy::from_text(three_witnesses() + "group Q 2 A B C\nquorum Q\n");
  ASSERT_TRUE(two);
  EXPECT_FALSE(two->is_satisfied({"B"}));
  EXPECT_TRUE(two->is_satisfied({"C", "A"}));
  const auto one = Policy::from_text(three_witnesses() + "quorum B\n");
  ASSERT_TRUE(one);
  EXPECT_FALSE(one->is_satisfied({"A", "C"}));
  EXPECT_TRUE(one->is_satisfied({"B"}));
  const auto none = Policy::from_text("quorum none\n");
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->is_satisfied({}));
}

TEST(Policy, RefusesWhatTheSpecificationForbids) {
  const std::string w = three_witnesses();
  EXPECT_THAT(message_of(""), HasSubstr("no quorum"));
  EXPECT_THAT(message_of(w), HasSubstr("no quorum"));
  EXPECT_THAT(message_of("quorum none"), HasSubstr("line 1: does not end"));
  EXPECT_THAT(message_of("quorum none\nquorum none\n"), HasSubstr("line 2: a second"));
  EXPECT_THAT(message_of("quorum X\n"), HasSubstr("not defined"));
  EXPECT_THAT(message_of(w + "quorum A B\n"), HasSubstr("line 4: must be"));
  EXPECT_THAT(message_of("quorum A\n" + w), HasSubstr("line 1: 'A' is not defined"));
  EXPECT_THAT(message_of(w + "group G all A none\nquorum G\n"), HasSubstr("not defined"));
  EXPECT_THAT(message_of(w + "group none all A\nquorum none\n"), HasSubstr("cannot be a name"));
  EXPECT_THAT(message_of(w + "group G all G\nquorum G\n"), HasSubstr("not defined"));
  EXPECT_THAT(message_of(w + "group A all B\nquorum A\n"), HasSubstr("stands twice"));
  EXPECT_THAT(message_of(w + "group G all\nquorum G\n"), HasSubstr("must be: group"));
  for (const char* threshold : {"0", "3", "02", "+1", "-1", "1x", "18446744073709551617", "ANY"}) {
    EXPECT_THAT(message_of(w + "group G " + threshold + " A B\nquorum G\n"),
                HasSubstr("must be all, any or 1 to 2"));
  }
  EXPECT_THAT(message_of(w + "group G all A A\nquorum G\n"), HasSubstr("member twice"));
  EXPECT_THAT(message_of(w + "group G all A\ngroup H all A\nquorum G\n"),
              HasSubstr("member twice"));
  EXPECT_THAT(message_of(w + "witness D " + kW1 + "\nquorum A\n"), HasSubstr("stands twice"));
  EXPECT_THAT(message_of(std::string("log ") + kLog + "\nlog " + kLog + "\nquorum none\n"),
              HasSubstr("stands twice"));
  EXPECT_THAT(message_of(std::string("log ") + kW1 + "\nquorum none\n"), HasSubstr("type 1"));
  EXPECT_THAT(message_of(std::string("witness A ") + kLog + "\nquorum A\n"), HasSubstr("type 4"));
  EXPECT_THAT(message_of("log " + std::string(kLog) + " u v\nquorum none\n"), HasSubstr("must be"));
  EXPECT_THAT(message_of("policy x\nquorum none\n"), HasSubstr("neither"));
  EXPECT_THAT(message_of("quorum none\r\n"), HasSubstr("control character"));
  EXPECT_THAT(message_of(std::string_view("quorum none\n\0\n", 14)),
              HasSubstr("control character"));
  EXPECT_THAT(message_of(std::string(300'000, '\n')), HasSubstr("larger"));
}

TEST(Policy, NamesAreOctets) {
  const auto policy = Policy::from_text(std::string("witness \xe2\x84\xaa ") + kW1 +
                                        "\nwitness K " + kW2 + "\nquorum \xe2\x84\xaa\n");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_FALSE(policy->is_satisfied({"K"}));
  EXPECT_TRUE(policy->is_satisfied({"\xe2\x84\xaa"}));
}

TEST(Policy, RefusesAKeyOfSmallOrder) {
  // The neutral element: y = 1. OpenSSL and Go accept a signature under it.
  EXPECT_THAT(
      message_of("witness A w.example/weak+85bd21ce+BAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                 "AA\nquorum A\n"),
      HasSubstr("line 1"));
}

TEST(Requirements, Defaults) {
  const auto requirements = Requirements::from_text("");
  ASSERT_TRUE(requirements);
  EXPECT_EQ(requirements->organisations, 1U);
  EXPECT_EQ(requirements->witness_interval_s, 300U);
  EXPECT_EQ(requirements->max_age_s, 0U);
  EXPECT_EQ(requirements->clock_difference_s, 300U);
}

TEST(Requirements, ReadsEveryKey) {
  const auto requirements = Requirements::from_text(
      "# what I demand\norganisations 2\norganisation Acme A B\norganisation Acme C\n"
      "witness_interval 60\nmax_age 86400\nclock_difference 5\n");
  ASSERT_TRUE(requirements) << requirements.error().message;
  EXPECT_EQ(requirements->organisations, 2U);
  EXPECT_EQ(requirements->organisation_of.at("A"), "Acme");
  EXPECT_EQ(requirements->organisation_of.at("C"), "Acme");
  EXPECT_EQ(requirements->witness_interval_s, 60U);
  EXPECT_EQ(requirements->max_age_s, 86400U);
  EXPECT_EQ(requirements->clock_difference_s, 5U);
}

TEST(Requirements, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(requirements_message("organisations 0\n"), HasSubstr("1 to"));
  EXPECT_THAT(requirements_message("organisations two\n"), HasSubstr("not a number"));
  EXPECT_THAT(requirements_message("organisation Acme\n"), HasSubstr("must be"));
  EXPECT_THAT(requirements_message("organisation X A\norganisation Y A\n"), HasSubstr("twice"));
  EXPECT_THAT(requirements_message("max_age 1\nmax_age 2\n"), HasSubstr("twice"));
  EXPECT_THAT(requirements_message("max_age\n"), HasSubstr("must be"));
  EXPECT_THAT(requirements_message("max-age 5\n"), HasSubstr("no requirement"));
  EXPECT_THAT(requirements_message("max_age 9223372036854775808\n"), HasSubstr("not a number"));
}

TEST(Cosigners, CountsWhoSignedAndWhen) {
  const auto policy = Policy::from_text(three_witnesses() + "group Q 2 A B C\nquorum Q\n");
  ASSERT_TRUE(policy);
  const auto none = check_cosigners(note_of({}), *policy, {});
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->is_quorum);
  EXPECT_TRUE(none->names.empty());
  const auto one = check_cosigners(note_of({kBy2}), *policy, {});
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_FALSE(one->is_quorum);
  const auto all = check_cosigners(note_of({kBy2, kBy1, kBy3}), *policy, {});
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->is_quorum);
  EXPECT_THAT(all->names, ElementsAre("A", "B", "C"));
  EXPECT_EQ(all->first_time_s, 1'700'000'000U);
  EXPECT_EQ(all->last_time_s, 1'700'000'060U);
}

TEST(Cosigners, OneWrongLineSpoilsTheNote) {
  const auto policy = Policy::from_text(three_witnesses() + "quorum A\n");
  ASSERT_TRUE(policy);
  std::string wrong = kBy2;
  wrong[wrong.size() - 20] = wrong[wrong.size() - 20] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(check_cosigners(note_of({kBy1, wrong.c_str()}), *policy, {}));
  EXPECT_FALSE(check_cosigners(note_of({kBy1, kBy2, wrong.c_str()}), *policy, {}));
  const auto stranger = Policy::from_text(std::string("witness A ") + kW1 + "\nquorum A\n");
  ASSERT_TRUE(stranger);
  EXPECT_TRUE(check_cosigners(note_of({kBy1, wrong.c_str()}), *stranger, {})->is_quorum)
      << "a line by a key that nobody knows says nothing";
}

TEST(Cosigners, TenWitnessesOfOneOwnerAreOne) {
  const auto policy = Policy::from_text(three_witnesses() + "group Q 2 A B C\nquorum Q\n");
  ASSERT_TRUE(policy);
  const auto demand = [](const char* text) { return *Requirements::from_text(text); };
  const Note note = note_of({kBy1, kBy2});
  EXPECT_TRUE(check_cosigners(note, *policy, demand("organisations 2\n"))->is_quorum);
  EXPECT_FALSE(
      check_cosigners(note, *policy, demand("organisations 2\norganisation X A B\n"))->is_quorum);
  EXPECT_TRUE(check_cosigners(note_of({kBy1, kBy3}), *policy,
                              demand("organisations 2\norganisation X A B\n"))
                  ->is_quorum);
  EXPECT_TRUE(
      check_cosigners(note, *policy, demand("organisations 2\norganisation B A\n"))->is_quorum)
      << "an organisation and a witness of the same name are two";
}

TEST(Cosigners, NoQuorumNeverCountsAsWitnessed) {
  const auto policy = Policy::from_text("quorum none\n");
  ASSERT_TRUE(policy);
  EXPECT_FALSE(check_cosigners(note_of({}), *policy, {})->is_quorum);
}

}  // namespace
}  // namespace alibi::seal
