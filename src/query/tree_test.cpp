#include "query/tree.hpp"

#include <gmock/gmock.h>

#include "query/fake_log.hpp"

namespace alibi::query {
namespace {

using event::Kind;
using event::ProcessKey;

constexpr ProcessKey kInit{.start_us = 10, .pid = 1};
constexpr ProcessKey kMake{.start_us = 1'000'000, .pid = 100};
constexpr ProcessKey kCompiler{.start_us = 2'000'000, .pid = 101};
constexpr ProcessKey kReused{.start_us = 90'000'000, .pid = 100};

void add_build(FakeLog& log) {
  log.fork(kMake, kInit);
  log.exec(kMake, 1001, {"/usr/bin/make"});
  log.fork(kCompiler, kMake);
  log.exec(kCompiler, 2001, {"/usr/bin/env", "cc"});
  log.exec(kCompiler, 2002, {"/usr/bin/cc", "a.c"});
  log.add(Kind::Module, 2003).process = kCompiler;
  auto& question = log.add(Kind::DnsQuery, 2004);
  question.process = kCompiler;
  question.name = "example.org";
  log.flow(Kind::FlowClose, kCompiler, 2010, "refused");
  log.exit(kCompiler, 2020, "1");
  log.exit(kMake, 3000, "2");
}

TEST(Tree, CollectsWhatEachProcessDid) {
  FakeLog log;
  add_build(log);
  const auto answer = tree(log, {.pid = 100});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->root.process.key, kMake);
  EXPECT_EQ(answer->root.exit, "2");
  ASSERT_EQ(answer->ancestors.size(), 1U);
  EXPECT_EQ(answer->ancestors[0].key, kInit);
  ASSERT_EQ(answer->root.children.size(), 1U);
  const Branch& child = answer->root.children[0];
  EXPECT_EQ(child.process.exe, "/usr/bin/cc");
  EXPECT_EQ(child.executions.size(), 2U);
  EXPECT_EQ(child.modules, 1U);
  EXPECT_EQ(child.names.at("example.org"), 1U);
  ASSERT_EQ(child.flows.size(), 1U);
  EXPECT_EQ(child.flows[0].state, "refused");
  EXPECT_EQ(child.end, FakeLog::wall(2020));
}

TEST(Tree, ReusedPidIsTheNewestAndTheOthersAreNamed) {
  FakeLog log;
  add_build(log);
  log.fork(kReused, kInit);
  log.exec(kReused, 90'001, {"/bin/later"});
  const auto newest = tree(log, {.pid = 100});
  EXPECT_EQ(newest->root.process.key, kReused);
  ASSERT_EQ(newest->others.size(), 1U);
  EXPECT_EQ(newest->others[0].exe, "/usr/bin/make");

  const auto earlier =
      tree(log, {.pid = 100, .at = Moment{FakeLog::wall(1500), FakeLog::wall(1500)}});
  EXPECT_EQ(earlier->root.process.key, kMake);
  EXPECT_EQ(earlier->root.children.size(), 1U);

  EXPECT_EQ(tree(log, {.process = kMake})->root.process.key, kMake);
}

TEST(Tree, ProcessAdoptedByThisOneIsNotItsDescendant) {
  FakeLog log;
  add_build(log);
  const ProcessKey orphan{.start_us = 2'500'000, .pid = 150};
  log.fork(orphan, {.start_us = 2'400'000, .pid = 149});
  log.exec(orphan, 2600, {"/bin/orphan"}).parent = kMake;
  EXPECT_EQ(tree(log, {.process = kMake})->root.children.size(), 1U);
}

TEST(Tree, NobodyOfThatPid) {
  FakeLog log;
  add_build(log);
  EXPECT_EQ(tree(log, {.pid = 7}).error().code, Errc::NotFound);
  const Moment before{FakeLog::wall(1), FakeLog::wall(1)};
  EXPECT_EQ(tree(log, {.pid = 100, .at = before}).error().code, Errc::NotFound);
}

}  // namespace
}  // namespace alibi::query
