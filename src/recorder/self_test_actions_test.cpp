#include "recorder/self_test_actions.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "recorder/perf_side_band.hpp"

namespace alibi::recorder {
namespace {

void expect_conversation(const SelfTestFlow& flow, const std::string& address) {
  ASSERT_EQ(flow.error, 0);
  EXPECT_EQ(event::to_text(flow.client.address), address);
  EXPECT_EQ(event::to_text(flow.server.address), address);
  EXPECT_NE(flow.client.port, flow.server.port);
  EXPECT_GT(flow.client.port.value_or(0), 0);
  EXPECT_GT(flow.server.port.value_or(0), 0);
  EXPECT_NE(flow.client_cookie, 0U);
}

TEST(SelfTest, DoesWhatItSays) {
  const auto actions = perform_self_test({"/bin/true"});
  ASSERT_TRUE(actions.has_value()) << actions.error().message;
  EXPECT_EQ(actions->exec_status, 0);
  EXPECT_EQ(actions->failed_status, kSelfTestExitCode);
  EXPECT_EQ(actions->map_error, 0);
  EXPECT_NE(actions->mapped_file.find("libc"), std::string::npos);
  EXPECT_LT(actions->began, actions->ended);
  expect_conversation(actions->tcp4, "127.0.0.1");
  expect_conversation(actions->refused, "127.0.0.1");
  expect_conversation(actions->udp4, "127.0.0.1");
  EXPECT_NE(actions->tcp4.server_cookie, actions->tcp4.client_cookie);
  EXPECT_EQ(actions->refused.server_cookie, 0U);
  if (actions->tcp6.error == 0) expect_conversation(actions->tcp6, "::1");
}

TEST(SelfTest, ProgramsThatFailAreTold) {
  const auto actions = perform_self_test({"/bin/false"});
  ASSERT_TRUE(actions.has_value());
  EXPECT_EQ(actions->exec_status, 1);
  EXPECT_EQ(perform_self_test({}).error().code, Errc::Usage);
}

TEST(SelfTest, TheSideBandReportsTheActions) {
  auto band = perf::PerfSideBand::open(128);
  if (!band && band.error().code == Errc::Denied) GTEST_SKIP() << band.error().message;
  ASSERT_TRUE(band.has_value()) << band.error().message;
  const auto actions = perform_self_test({"/bin/true"});
  ASSERT_TRUE(actions.has_value()) << actions.error().message;
  std::map<std::uint32_t, std::uint32_t> parent_of;
  bool is_exec_seen = false;
  bool is_map_seen = false;
  band->mark();
  band->drain([&](const perf::Record& record) {
    if (const auto* fork = std::get_if<perf::NewProcess>(&record))
      parent_of[fork->pid] = fork->parent_pid;
    if (const auto* exec = std::get_if<perf::Exec>(&record))
      is_exec_seen |= exec->pid == actions->exec_pid;
    if (const auto* map = std::get_if<perf::MapExec>(&record)) {
      is_map_seen |= map->pid == actions->actor_pid && map->path == actions->mapped_file;
    }
  });
  EXPECT_EQ(parent_of[actions->actor_pid], static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(parent_of[actions->exec_pid], actions->actor_pid);
  EXPECT_EQ(parent_of[actions->failed_pid], actions->actor_pid);
  EXPECT_TRUE(is_exec_seen);
  EXPECT_TRUE(is_map_seen);
}

}  // namespace
}  // namespace alibi::recorder
