#include "cli/gate_policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/tables.hpp"

namespace alibi::cli {
namespace {

using gate::Action;
using gate::Belief;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kZones = R"([[zone]]
name = "office"
devices = ["eth1"]
addresses = ["10.1.0.0/16", "fd00:1::/64"]
trusted = true
[[zone]]
name = "internet"
)";

Result<gate::Policy> read(const std::string& text) {
  return parse_gate_policy(text, "gate.toml", event::DiagnosisNames());
}

std::string error_of(const std::string& text) {
  const auto policy = read(text);
  return policy ? "no error" : policy.error().message;
}

TEST(GatePolicy, OfTheExample) {
  const auto policy = load_gate_policy(ALIBI_SOURCE_DIR "/docs/examples/gate.toml");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->zones.size(), 3U);
  EXPECT_EQ(policy->rules.size(), 4U);
  EXPECT_EQ(policy->rules[0].action, Action::Blank);
  EXPECT_EQ(policy->rules[0].category, 2);
  EXPECT_EQ(policy->sticky_ms, 600'000U);
  EXPECT_EQ(policy->tell.persons.size(), 1U);
}

TEST(GatePolicy, OfTheExampleOfBoundaries) {
  const auto policy = load_gate_policy(ALIBI_SOURCE_DIR "/docs/examples/gate-boundary.toml");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->zones.size(), 5U);
  EXPECT_EQ(policy->rules.size(), 4U);
  EXPECT_TRUE(policy->rules[3].is_export);
  EXPECT_FALSE(policy->otherwise.is_export);
}

TEST(GatePolicy, EmptyAllowsAndHasOneZone) {
  const auto policy = read("");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->zones.size(), 1U);
  EXPECT_EQ(policy->otherwise.action, Action::Allow);
  EXPECT_EQ(policy->forged, Belief::Drop);
}

TEST(GatePolicy, ErrorsNameTheLine) {
  const std::string zones = kZones;  // seven lines
  EXPECT_EQ(error_of(zones + "[[rule]]\naction = \"burn\"\n"),
            "gate.toml:9: 'action' must be \"allow\", \"strip\", \"blank\" or \"drop\"");
  EXPECT_THAT(
      error_of(zones + "[[rule]]\nactoin = \"drop\"\n"),
      HasSubstr("gate.toml:9: there is no key 'actoin' in [[rule]], did you mean 'action'"));
  EXPECT_THAT(error_of(zones + "[[rule]]\nfrom = \"ofice\"\naction = \"drop\"\n"),
              HasSubstr("there is no zone 'ofice', did you mean 'office'"));
  EXPECT_THAT(error_of(zones + "[[rules]]\n"), HasSubstr("did you mean 'rule'"));
  EXPECT_THAT(error_of("[[zone]\n"), StartsWith("gate.toml:1: "));
  EXPECT_THAT(error_of(zones + "[marks]\nmalformed = \"believe\"\n"),
              HasSubstr("nothing in it to believe"));
  EXPECT_THAT(error_of(zones + "[[rule]]\ncategory = \"leek\"\naction = \"drop\"\n"),
              HasSubstr("'category' must be"));
  EXPECT_THAT(error_of(zones + "[[rule]]\ncode = 1\naction = \"drop\"\n"),
              HasSubstr("add category"));
  EXPECT_THAT(error_of(zones + "[[rule]]\ncategory = 1\n"), HasSubstr("a rule needs an action"));
  EXPECT_THAT(error_of(zones + "[[zone]]\nname = \"more\"\n"),
              HasSubstr("only one zone can be everything else"));
  EXPECT_THAT(error_of(zones + "[[zone]]\nname = \"x\"\naddresses = [\"10.1.9.9/16\"]\n"),
              HasSubstr("10.1.0.0/16 is in 'office' already"));
  EXPECT_THAT(error_of("[[zone]]\nname = \"d\"\ndevices = [\"eth0\"]\n[[rule]]\nto = \"d\"\naction "
                       "= \"drop\"\n"),
              HasSubstr("zone 'd' has no addresses"));
  EXPECT_THAT(error_of(zones + "[keys]\n16 = \"file:/x\"\n"), HasSubstr("0 to 15"));
  EXPECT_THAT(error_of(zones + "[keys]\n1 = \"file:/no/such/key\"\n"), HasSubstr("/no/such/key"));
  EXPECT_THAT(error_of(zones + "[default]\naction = \"drop\"\ntell = [\"me\"]\n"),
              HasSubstr("there is no person 'me'"));
  EXPECT_THAT(error_of(zones + "[[person]]\nname = \"a\"\nmail = \"a@example.org\"\n"),
              HasSubstr("[tell] has no smtp"));
}

TEST(GatePolicy, BecomesTables) {
  const auto policy =
      read(std::string(kZones) +
           "[marks]\nunverified = \"ignore\"\nforged = \"believe\"\nstale = \"drop\"\n"
           "[[rule]]\nfrom = \"office\"\nto = \"internet\"\ncategory = \"leak\"\ncode = 1\n"
           "action = \"drop\"\nmirror = \"eth3\"\n");
  ASSERT_TRUE(policy) << policy.error().message;
  const auto tables =
      gate::make_tables(*policy, [](const std::string& name) { return name == "eth1" ? 7U : 0U; });
  EXPECT_EQ(tables.policy.belief[ALIBI_GATE_FORGED], ALIBI_GATE_IGNORE)
      << "no more than unverified";
  EXPECT_EQ(tables.policy.belief[ALIBI_GATE_STALE], ALIBI_GATE_REFUSE);
  EXPECT_EQ(tables.policy.rest_zone, 1);
  ASSERT_EQ(tables.rules.size(), 2U);
  EXPECT_EQ(tables.rules[0].category, 2);
  EXPECT_EQ(tables.rules[1].category, ALIBI_GATE_ANY_NUMBER);
  EXPECT_THAT(tables.missing, ::testing::ElementsAre("eth3"));
  ASSERT_EQ(tables.addresses.size(), 2U);
  EXPECT_EQ(tables.addresses[0].first.prefix_bits, 32U + 96 + 16);
  EXPECT_EQ(tables.addresses[1].first.prefix_bits, 32U + 64);
  EXPECT_EQ(tables.devices.size(), 1U);
}

}  // namespace
}  // namespace alibi::cli
