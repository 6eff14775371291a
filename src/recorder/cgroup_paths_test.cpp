#include "recorder/cgroup_paths.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace alibi::recorder {
namespace {

constexpr std::string_view kHybrid =
    "24 1 0:22 / /sys rw,nosuid - sysfs sysfs rw\n"
    "30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw,nsdelegate\n"
    "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 30 0:30 /lxc/a /sys/fs/cgroup/me\\040mory rw shared:7 master:2 - cgroup cgroup rw,memory\n"
    "broken line\n"
    "35 1 0:31 / - - -\n";

TEST(CgroupPaths, FindsTheMounts) {
  const auto unified = find_cgroup_mount(kHybrid, "");
  ASSERT_TRUE(unified.has_value());
  EXPECT_EQ(unified->directory, "/sys/fs/cgroup/unified");
  EXPECT_EQ(unified->root, "/");
  const auto memory = find_cgroup_mount(kHybrid, "memory");
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->directory, "/sys/fs/cgroup/me mory");
  EXPECT_EQ(memory->root, "/lxc/a");
  EXPECT_EQ(find_cgroup_mount(kHybrid, "cpuacct")->directory, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_FALSE(find_cgroup_mount(kHybrid, "pids").has_value());
  EXPECT_FALSE(find_cgroup_mount("", "").has_value());
}

std::uint64_t id_of(const std::filesystem::path& directory) {
  struct stat status {};
  return ::stat(directory.c_str(), &status) == 0 ? status.st_ino : 0;
}

void check_hierarchy(std::string_view controller) {
  auto paths = CgroupPaths::open(controller);
  if (!paths) GTEST_SKIP() << paths.error().message;
  const std::filesystem::path root = paths->mount().directory;
  const std::string name = "alibi-test-" + std::to_string(::getpid());
  std::error_code error;
  if (!std::filesystem::create_directories(root / name / "inner", error))
    GTEST_SKIP() << error.message();
  const std::uint64_t outer_id = id_of(root / name);
  const std::uint64_t inner_id = id_of(root / name / "inner");
  const std::string prefix = paths->mount().root == "/" ? "" : paths->mount().root;
  EXPECT_EQ(paths->path(inner_id), prefix + "/" + name + "/inner");
  ::rmdir((root / name / "inner").c_str());
  EXPECT_EQ(paths->path(inner_id), prefix + "/" + name + "/inner") << "survives its removal";
  ::rmdir((root / name).c_str());
  EXPECT_EQ(paths->path(outer_id), "") << "gone before the first question";
  paths->remember(outer_id, "/told");
  EXPECT_EQ(paths->path(outer_id), "/told");
  EXPECT_EQ(paths->path(id_of(root)), prefix.empty() ? "/" : prefix);
}

TEST(CgroupPaths, Unified) { check_hierarchy(""); }
TEST(CgroupPaths, VersionOneMemory) { check_hierarchy("memory"); }

TEST(CgroupPaths, TheCacheIsBounded) {
  auto paths = CgroupPaths::open();
  if (!paths) GTEST_SKIP() << paths.error().message;
  for (std::uint64_t id = 1; id <= 20'000; ++id)
    paths->remember(id << 40U, "/x");
  EXPECT_EQ(paths->size(), 16384U);
}

}  // namespace
}  // namespace alibi::recorder
