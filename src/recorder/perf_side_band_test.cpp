#include "recorder/perf_side_band.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/unique_fd.hpp"

namespace alibi::recorder::perf {
namespace {

TEST(PerfSideBand, CpuLists) {
  using List = std::vector<std::uint32_t>;
  EXPECT_EQ(parse_cpu_list("0\n"), (List{0}));
  EXPECT_EQ(parse_cpu_list("0-2,5\n"), (List{0, 1, 2, 5}));
  EXPECT_EQ(parse_cpu_list(""), (List{}));
  EXPECT_EQ(parse_cpu_list("3-1"), (List{}));
  EXPECT_EQ(parse_cpu_list("0-99999999"), (List{}));
  EXPECT_EQ(parse_cpu_list("1,x"), (List{1}));
}

TEST(PerfSideBand, RefusesBadSizes) {
  for (const std::uint32_t pages : {0U, 1U, 3U, 1U << 20}) {
    const auto band = PerfSideBand::open(pages);
    ASSERT_FALSE(band.has_value());
    EXPECT_EQ(band.error().code, Errc::Usage);
  }
}

/// Everything one child did, with the band's own times.
struct Seen {
  std::vector<NewProcess> forks;
  std::vector<std::string> execs;
  std::vector<std::string> maps;
  std::vector<EndedTask> ends;
  std::uint64_t first_ns = UINT64_MAX;
  std::uint64_t last_ns = 0;
};

Seen drain_for(PerfSideBand& band, std::uint32_t pid) {
  Seen seen;
  const auto touch = [&](BootNs boot) {
    seen.first_ns = std::min(seen.first_ns, boot.ns);
    seen.last_ns = std::max(seen.last_ns, boot.ns);
  };
  band.mark();
  band.drain([&](const Record& record) {
    if (const auto* fork = std::get_if<NewProcess>(&record); fork && fork->pid == pid) {
      seen.forks.push_back(*fork);
      touch(fork->boot);
    } else if (const auto* exec = std::get_if<Exec>(&record); exec && exec->pid == pid) {
      seen.execs.emplace_back(exec->comm);
      touch(exec->boot);
    } else if (const auto* map = std::get_if<MapExec>(&record); map && map->pid == pid) {
      seen.maps.emplace_back(map->path);
      touch(map->boot);
    } else if (const auto* end = std::get_if<EndedTask>(&record); end && end->pid == pid) {
      seen.ends.push_back(*end);
      touch(end->boot);
    }
  });
  return seen;
}

TEST(PerfSideBand, SeesAProcessLifeOnTheBootClock) {
  auto band = PerfSideBand::open(128);
  if (!band && band.error().code == Errc::Denied) GTEST_SKIP() << band.error().message;
  ASSERT_TRUE(band.has_value()) << band.error().message;
  EXPECT_EQ(band->poll_fds().size(), band->cpu_count());
  const std::uint64_t before_ns = boot_now().ns;
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(99);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const Seen seen = drain_for(*band, static_cast<std::uint32_t>(child));
  ASSERT_EQ(seen.forks.size(), 1U);
  EXPECT_EQ(seen.forks[0].parent_pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(seen.execs, std::vector<std::string>{"true"});
  // Sanitizers start a thread in every process, which ends too.
  EXPECT_EQ(std::ranges::count(seen.ends, static_cast<std::uint32_t>(child), &EndedTask::tid), 1);
  const auto maps = [&](std::string_view part) {
    return std::ranges::any_of(
        seen.maps, [&](const std::string& m) { return m.find(part) != std::string::npos; });
  };
  EXPECT_TRUE(maps("/true"));
  EXPECT_TRUE(maps("libc.so"));
  EXPECT_GE(seen.first_ns, before_ns);
  EXPECT_LE(seen.last_ns, boot_now().ns);
}

TEST(PerfSideBand, AgreesWithProcMaps) {
  auto band = PerfSideBand::open(128);
  if (!band && band.error().code == Errc::Denied) GTEST_SKIP() << band.error().message;
  ASSERT_TRUE(band.has_value()) << band.error().message;
  const UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, self.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  const Seen seen = drain_for(*band, static_cast<std::uint32_t>(::getpid()));
  ::munmap(memory, 4096);
  std::array<char, 4096> path{};
  ASSERT_GT(::readlink("/proc/self/exe", path.data(), path.size() - 1), 0);
  EXPECT_EQ(std::ranges::count(seen.maps, std::string(path.data())), 1);
}

TEST(PerfSideBand, CountsWhatASmallBufferLoses) {
  auto band = PerfSideBand::open(2);
  if (!band && band.error().code == Errc::Denied) GTEST_SKIP() << band.error().message;
  ASSERT_TRUE(band.has_value()) << band.error().message;
  if (!band->features().has_exact_loss) GTEST_SKIP() << "needs PERF_FORMAT_LOST (Linux 6.0)";
  constexpr std::uint64_t kMappings = 2000;
  const UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  for (std::uint64_t i = 0; i < kMappings; ++i) {
    ::munmap(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, self.get(), 0), 4096);
  }
  const Seen seen = drain_for(*band, static_cast<std::uint32_t>(::getpid()));
  EXPECT_LT(seen.maps.size(), kMappings);
  // Other processes of the machine may lose records here too.
  EXPECT_GE(seen.maps.size() + band->lost(), kMappings);
}

TEST(PerfSideBand, RefreshOpensNothingTwice) {
  auto band = PerfSideBand::open(8);
  if (!band && band.error().code == Errc::Denied) GTEST_SKIP() << band.error().message;
  ASSERT_TRUE(band.has_value()) << band.error().message;
  const std::size_t cpus = band->cpu_count();
  const auto opened = band->refresh();
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(*opened, 0U);
  EXPECT_EQ(band->cpu_count(), cpus);
}

}  // namespace
}  // namespace alibi::recorder::perf
