#include "recorder/proc_connector.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

namespace alibi::recorder::proc {
namespace {

/// A message as the kernel lays it out: netlink header (16), connector header
/// (20), what, cpu, timestamp, then up to four words.
std::vector<std::byte> message(std::uint32_t what, const std::vector<std::uint32_t>& words,
                               std::uint32_t index = 1, std::uint32_t value = 1) {
  std::vector<std::uint32_t> all{0,     3,     0,    0,      // length, type DONE, seq, pid
                                 index, value, 0,    0, 40,  // connector id, seq, ack, length
                                 what,  1,     1000, 0};     // what, cpu, timestamp 1000
  all.insert(all.end(), words.begin(), words.end());
  all[0] = static_cast<std::uint32_t>(all.size() * 4);
  std::vector<std::byte> bytes(all.size() * 4);
  std::memcpy(bytes.data(), all.data(), bytes.size());
  return bytes;
}

TEST(ProcConnector, DecodesEachKind) {
  const auto traced = std::get<Ptrace>(decode_proc_message(message(0x100, {11, 10, 21, 20}), 5));
  EXPECT_EQ(traced.target_pid, 10U);
  EXPECT_EQ(traced.target_tid, 11U);
  EXPECT_EQ(traced.tracer_pid, 20U);
  EXPECT_EQ(traced.tracer_tid, 21U);
  EXPECT_EQ(traced.boot.ns, 1005U);
  const auto user = std::get<UserChange>(decode_proc_message(message(0x4, {11, 10, 1000, 0}), 0));
  EXPECT_EQ(user.pid, 10U);
  EXPECT_EQ(user.real_uid, 1000U);
  EXPECT_EQ(user.effective_uid, 0U);
  const auto group = std::get<GroupChange>(decode_proc_message(message(0x40, {11, 10, 5, 6}), 0));
  EXPECT_EQ(group.real_gid, 5U);
  EXPECT_EQ(group.effective_gid, 6U);
  const auto dumped =
      std::get<CoreDump>(decode_proc_message(message(0x40000000, {11, 10, 1, 1}), 0));
  EXPECT_EQ(dumped.pid, 10U);
  EXPECT_TRUE(std::holds_alternative<Ignored>(decode_proc_message(message(0x1, {1, 1, 2, 2}), 0)));
  EXPECT_TRUE(std::holds_alternative<Ignored>(decode_proc_message(message(0, {0}), 0)));
}

TEST(ProcConnector, RefusesWhatIsNoProcessMessage) {
  EXPECT_TRUE(std::holds_alternative<Malformed>(decode_proc_message({}, 0)));
  EXPECT_TRUE(std::holds_alternative<Malformed>(
      decode_proc_message(message(0x100, {1, 1, 1, 1}, 9, 9), 0)));
  const auto whole = message(0x100, {11, 10, 21, 20});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto cut = std::vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const auto claimed = static_cast<std::uint32_t>(size);
    if (size >= 4) std::memcpy(cut.data(), &claimed, sizeof claimed);
    EXPECT_TRUE(std::holds_alternative<Malformed>(decode_proc_message(cut, 0))) << size;
  }
}

std::vector<Event> wait_for_events(ProcConnector& connector, int timeout_ms) {
  std::vector<Event> events;
  pollfd ready{connector.poll_fd(), POLLIN, 0};
  while (::poll(&ready, 1, timeout_ms) == 1) {
    if (!connector.drain([&](const Event& event) { events.push_back(event); })) break;
  }
  return events;
}

TEST(ProcConnector, TellsWhoTracedWhomAndWhoChangedUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to change the user of a child";
  auto connector = ProcConnector::open();
  if (!connector &&
      (connector.error().code == Errc::Denied || connector.error().code == Errc::Unsupported)) {
    GTEST_SKIP() << connector.error().message;
  }
  ASSERT_TRUE(connector.has_value()) << connector.error().message;
  const std::uint64_t before_ns = boot_now().ns;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
    ::pause();
  }
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, child, nullptr, nullptr), 0);
  bool is_traced = false;
  bool is_changed = false;
  for (const Event& event : wait_for_events(*connector, 100)) {
    if (const auto* traced = std::get_if<Ptrace>(&event);
        traced && traced->target_pid == static_cast<std::uint32_t>(child)) {
      is_traced = traced->tracer_pid == static_cast<std::uint32_t>(::getpid());
      EXPECT_GE(traced->boot.ns, before_ns);
      EXPECT_LE(traced->boot.ns, boot_now().ns);
    }
    if (const auto* user = std::get_if<UserChange>(&event);
        user && user->pid == static_cast<std::uint32_t>(child)) {
      is_changed = user->real_uid == 65534 && user->effective_uid == 65534;
    }
  }
  EXPECT_TRUE(is_changed);
  EXPECT_TRUE(is_traced);
  EXPECT_EQ(connector->overflows(), 0U);
  ::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(ProcConnector, ForksAndExitsAreDroppedInTheKernel) {
  auto connector = ProcConnector::open();
  if (!connector &&
      (connector.error().code == Errc::Denied || connector.error().code == Errc::Unsupported)) {
    GTEST_SKIP() << connector.error().message;
  }
  ASSERT_TRUE(connector.has_value()) << connector.error().message;
  constexpr std::size_t kForks = 200;
  for (std::size_t i = 0; i < kForks; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  }
  const auto read = connector->drain([](const Event&) {});
  ASSERT_TRUE(read.has_value());
  EXPECT_LT(*read, kForks);  // other processes of the machine may change users meanwhile
}

}  // namespace
}  // namespace alibi::recorder::proc
