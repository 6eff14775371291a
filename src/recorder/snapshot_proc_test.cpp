#include "recorder/snapshot_proc.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.hpp"

namespace alibi::recorder {
namespace {

namespace fs = std::filesystem;

TEST(SnapshotProc, Ourselves) {
  const auto own = read_process(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(own.has_value()) << own.error().message;
  EXPECT_EQ(own->parent_pid, static_cast<std::uint32_t>(::getppid()));
  EXPECT_EQ(own->exe, fs::read_symlink("/proc/self/exe").string());
  EXPECT_FALSE(own->is_exe_deleted);
  EXPECT_EQ(own->cwd, fs::current_path().string());
  EXPECT_EQ(own->root, "/");
  ASSERT_TRUE(own->uids.has_value());
  EXPECT_EQ(own->uids->real, ::getuid());
  EXPECT_EQ(own->uids->effective, ::geteuid());
  EXPECT_EQ(own->gids->real, ::getgid());
  EXPECT_FALSE(own->args.empty());
  EXPECT_FALSE(own->is_args_cut);
  EXPECT_FALSE(own->cgroup.empty());
  EXPECT_GT(own->start_us, 0U);
  EXPECT_LE(own->start_us, boot_now().ns / 1000);
  struct stat net {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &net), 0);
  EXPECT_EQ(own->namespaces.net, net.st_ino);
  EXPECT_NE(own->namespaces.mnt, 0U);
  EXPECT_NE(own->namespaces.cgroup, 0U);
}

TEST(SnapshotProc, ArgumentsOfAnyKind) {
  const std::string long_argument(100'000, 'a');
  int wait_here[2];
  ASSERT_EQ(::pipe(wait_here), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(wait_here[0], STDIN_FILENO);
    ::execl("/bin/sh", "", "-c", "read line", "", "two words\n", long_argument.c_str(), nullptr);
    ::_exit(99);
  }
  const std::vector<std::string> expected{"", "-c", "read line", "", "two words\n", long_argument};
  std::vector<std::string> args;
  for (int i = 0; i < 5000 && args != expected; ++i) {
    const auto snapshot = read_process(static_cast<std::uint32_t>(child));
    if (snapshot) args = snapshot->args;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(args == expected) << args.size() << " arguments";
  ::close(wait_here[0]);
  ::close(wait_here[1]);
  ::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(SnapshotProc, ProcessesThatEnd) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto zombie = read_process(static_cast<std::uint32_t>(child));
  ASSERT_TRUE(zombie.has_value());
  EXPECT_TRUE(zombie->args.empty());
  EXPECT_EQ(zombie->exe, "");
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const auto gone = read_process(static_cast<std::uint32_t>(child));
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, Errc::NotFound);
}

/// A made-up /proc/42: what a real one cannot be brought to show.
class FakeProc : public ::testing::Test {
 protected:
  FakeProc() : root_(fs::temp_directory_path() / ("alibi-proc-" + std::to_string(::getpid()))) {
    fs::create_directories(root_ / "42");
  }
  ~FakeProc() override { fs::remove_all(root_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(root_ / "42" / name, std::ios::binary) << text;
  }
  [[nodiscard]] Result<ProcSnapshot> read() const { return read_process(42, root_.string()); }

  fs::path root_;
};

const std::string kStat =
    "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1000 10 184467 1 1\n";

TEST_F(FakeProc, NamesWithParentheses) {
  write("stat", kStat);
  const auto snapshot = read();
  ASSERT_TRUE(snapshot.has_value());
  EXPECT_EQ(snapshot->comm, "a) b (c");
  EXPECT_EQ(snapshot->parent_pid, 7U);
  EXPECT_EQ(snapshot->start_us, 123'450'000U);
}

TEST_F(FakeProc, DamagedFilesGiveEmptyFields) {
  write("stat", "42 (x");
  EXPECT_EQ(read().error().code, Errc::NotFound);
  write("stat", "42 (x) S 1");
  EXPECT_EQ(read().error().code, Errc::NotFound);
  write("stat", kStat);
  write("status", "Name:\tx\nUid:\t1\nGid:\t1\tx\n");
  write("cgroup", "nonsense\n:\n0:\n");
  write("loginuid", "-");
  const auto snapshot = read();
  ASSERT_TRUE(snapshot.has_value());
  EXPECT_FALSE(snapshot->uids.has_value());
  EXPECT_FALSE(snapshot->gids.has_value());
  EXPECT_EQ(snapshot->cgroup, "");
  EXPECT_FALSE(snapshot->login_uid.has_value());
  EXPECT_EQ(snapshot->namespaces.net, 0U);
}

TEST_F(FakeProc, HybridControlGroupsAndLogin) {
  write("stat", kStat);
  write("status", "Uid:\t1000\t0\t0\t0\n");
  write("cgroup", "5:cpu,cpuacct:/x\n4:memory:/user.slice\n0::/\n");
  write("loginuid", "4294967295");
  auto snapshot = read();
  EXPECT_EQ(snapshot->cgroup, "/user.slice");
  EXPECT_EQ(snapshot->uids->real, 1000U);
  EXPECT_EQ(snapshot->uids->effective, 0U);
  EXPECT_FALSE(snapshot->login_uid.has_value());
  write("cgroup", "0::/system.slice/a:b.service\n");
  write("loginuid", "1000");
  snapshot = read();
  EXPECT_EQ(snapshot->cgroup, "/system.slice/a:b.service");
  EXPECT_EQ(snapshot->login_uid, 1000U);
}

TEST_F(FakeProc, DeletedProgramsAndLongArguments) {
  write("stat", kStat);
  fs::create_symlink("/tmp/x (deleted)", root_ / "42" / "exe");
  write("cmdline", std::string("a\0\0b", 4) + std::string(kMaxCommandLineBytes, 'c'));
  const auto snapshot = read();
  EXPECT_EQ(snapshot->exe, "/tmp/x");
  EXPECT_TRUE(snapshot->is_exe_deleted);
  EXPECT_TRUE(snapshot->is_args_cut);
  ASSERT_EQ(snapshot->args.size(), 3U);
  EXPECT_EQ(snapshot->args[0], "a");
  EXPECT_EQ(snapshot->args[1], "");
  EXPECT_EQ(snapshot->args[2].size(), kMaxCommandLineBytes - 3);
}

}  // namespace
}  // namespace alibi::recorder
