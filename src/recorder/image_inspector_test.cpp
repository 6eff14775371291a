#include "recorder/image_inspector.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace alibi::recorder {
namespace {

namespace fs = std::filesystem;

std::string first_word_of(const std::string& command) {
  std::array<char, 4096> text{};
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  const bool is_read = std::fgets(text.data(), text.size(), pipe) != nullptr;
  ::pclose(pipe);
  const std::string line = is_read ? text.data() : "";
  return line.substr(0, line.find_first_of(" \n"));
}

std::string sha256sum(const fs::path& file) { return first_word_of("sha256sum " + file.string()); }

FileIdentity identity_at(const fs::path& file) {
  struct stat status {};
  EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
  return identity_of(status);
}

std::vector<ImageResult> wait_for(ImageInspector& inspector, std::size_t count) {
  std::vector<ImageResult> all;
  pollfd ready{inspector.poll_fd(), POLLIN, 0};
  while (all.size() < count && ::poll(&ready, 1, 20'000) == 1) {
    for (ImageResult& result : inspector.take_results())
      all.push_back(std::move(result));
  }
  return all;
}

class Images : public ::testing::Test {
 protected:
  Images() : directory_(fs::temp_directory_path() / ("alibi-image-" + std::to_string(::getpid()))) {
    fs::create_directories(directory_);
  }
  ~Images() override { fs::remove_all(directory_); }

  static ImageInspector start(std::size_t remembered = 8192) {
    auto inspector = ImageInspector::open({.remembered_files = remembered});
    EXPECT_TRUE(inspector.has_value());
    inspector->start();
    return std::move(*inspector);
  }

  /// A private copy of sleep(1), so that no other process runs the same inode.
  fs::path sleeper() {
    const fs::path file = directory_ / ("sleeper" + std::to_string(++copies_));
    fs::copy_file("/bin/sleep", file);
    return file;
  }

  /// Runs `file` until ended; the key is right to the tick of /proc.
  ImageExec run(const fs::path& file) {
    ImageExec exec{.process = {}, .identity = identity_at(file), .path = file.string()};
    const pid_t child = ::fork();
    if (child == 0) {
      ::execl(file.c_str(), "sleeper", "60", nullptr);
      ::_exit(99);
    }
    children_.push_back(child);
    exec.process.pid = static_cast<std::uint32_t>(child);
    const std::string link = "/proc/" + std::to_string(child) + "/exe";
    for (int i = 0; i < 2000 && fs::read_symlink(link) != file; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::string ticks =
        first_word_of("cut -d' ' -f22 /proc/" + std::to_string(child) + "/stat");
    exec.process.start_us = std::stoull(ticks) * 10'000 + 1234;
    return exec;
  }

  void end_children() {
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    children_.clear();
  }
  void TearDown() override { end_children(); }

  fs::path directory_;
  int copies_ = 0;
  std::vector<pid_t> children_;
};

TEST_F(Images, HashAndPackageOfARunningProgram) {
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const fs::path sleep = fs::canonical("/bin/sleep");
  ImageInspector inspector = start();
  ImageExec own{{0, static_cast<std::uint32_t>(::getpid())}, identity_at(self), self.string()};
  EXPECT_EQ(inspector.submit(own), ImageInspector::Submitted::Queued);
  EXPECT_EQ(inspector.submit(own), ImageInspector::Submitted::Known);
  const pid_t nobody = -1;  // no such process: found by path
  ImageExec packaged{{0, static_cast<std::uint32_t>(nobody)}, identity_at(sleep), sleep.string()};
  EXPECT_EQ(inspector.submit(packaged), ImageInspector::Submitted::Queued);
  const auto results = wait_for(inspector, 2);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].status, ImageStatus::Hashed);
  EXPECT_EQ(results[0].sha256, sha256sum(self));
  EXPECT_EQ(results[0].package, "");
  EXPECT_EQ(results[1].sha256, sha256sum(sleep));
  if (fs::exists("/var/lib/dpkg/status")) {
    EXPECT_EQ(results[1].package, "coreutils");
    EXPECT_EQ(results[1].version, first_word_of("dpkg-query -W -f '${Version}' coreutils"));
  }
}

TEST_F(Images, AProgramThatDeletedItself) {
  const fs::path file = sleeper();
  const std::string expected = sha256sum(file);
  const ImageExec exec = run(file);
  fs::remove(file);
  ImageInspector inspector = start();
  inspector.submit(exec);
  const auto results = wait_for(inspector, 1);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].status, ImageStatus::Hashed);
  EXPECT_EQ(results[0].sha256, expected);
}

TEST_F(Images, AMemfd) {
  const int memory = ::memfd_create("payload", 0);
  ASSERT_GE(memory, 0);
  const UniqueFd owner(memory);
  std::ifstream sleep("/bin/sleep", std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(sleep)), {});
  ASSERT_EQ(::write(memory, content.data(), content.size()), static_cast<ssize_t>(content.size()));
  struct stat status {};
  ASSERT_EQ(::fstat(memory, &status), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(("/proc/self/fd/" + std::to_string(memory)).c_str(), "payload", "60", nullptr);
    ::_exit(99);
  }
  children_.push_back(child);
  const std::string link = "/proc/" + std::to_string(child) + "/exe";
  for (int i = 0; i < 2000 && fs::read_symlink(link).string().find("memfd") == std::string::npos;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ImageInspector inspector = start();
  inspector.submit({{0, static_cast<std::uint32_t>(child)}, identity_of(status), "/memfd:payload"});
  const auto results = wait_for(inspector, 1);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].sha256, sha256sum("/bin/sleep"));
}

TEST_F(Images, NeverAnotherFileUnderTheSameName) {
  const fs::path file = sleeper();
  ImageExec exec = run(file);
  end_children();
  fs::remove(file);
  std::ofstream(file) << "something else";
  ImageInspector inspector = start();
  inspector.submit(exec);
  auto results = wait_for(inspector, 1);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].status, ImageStatus::Gone);
  EXPECT_EQ(results[0].sha256, "");
  // It may be there next time: the same identity is tried again.
  EXPECT_EQ(inspector.submit(exec), ImageInspector::Submitted::Queued);
}

TEST_F(Images, NeverTheImageOfAnotherProcessWithTheSamePid) {
  const fs::path old_file = sleeper();
  ImageExec exec = run(sleeper());
  exec.identity = identity_at(old_file);  // what the pid ran before
  exec.identity.ctime_ns -= 1;
  exec.path = old_file.string();
  ImageInspector inspector = start();
  inspector.submit(exec);
  const auto results = wait_for(inspector, 1);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].status, ImageStatus::Gone);
}

TEST_F(Images, AProcessThatIsAlreadyGone) {
  const fs::path file = sleeper();
  const ImageExec exec = run(file);
  end_children();
  ImageInspector inspector = start();
  inspector.submit(exec);
  const auto results = wait_for(inspector, 1);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].status, ImageStatus::Hashed);
  EXPECT_EQ(results[0].sha256, sha256sum(file));
}

TEST_F(Images, EverySubmissionIsAnsweredOrCounted) {
  ImageInspector inspector = start();
  constexpr std::uint64_t kExecs = 20'000;
  std::uint64_t queued = 0;
  std::uint64_t answered = 0;
  for (std::uint64_t i = 0; i < kExecs; ++i) {
    const ImageExec exec{{i, 4'000'000}, {1, i, 2, 3, 4}, "/nonexistent"};
    if (inspector.submit(exec) == ImageInspector::Submitted::Queued) ++queued;
  }
  EXPECT_EQ(queued + inspector.overflows(), kExecs);
  EXPECT_GT(inspector.overflows(), 0U);
  while (answered < queued) {
    const auto results = wait_for(inspector, 1);
    ASSERT_FALSE(results.empty());
    answered += results.size();
  }
  EXPECT_EQ(answered, queued);
}

TEST_F(Images, FinishWaitsForWhatIsPending) {
  ImageInspector inspector = start();
  std::size_t queued = 0;
  for (int i = 0; i < 20; ++i) {
    const fs::path file = sleeper();
    if (inspector.submit({{0, 4'000'000}, identity_at(file), file.string()}) ==
        ImageInspector::Submitted::Queued) {
      ++queued;
    }
  }
  EXPECT_EQ(queued, 20U);
  EXPECT_EQ(inspector.pending(), queued);
  const auto results = inspector.finish(std::chrono::seconds(20));
  EXPECT_EQ(results.size(), queued);
  for (const ImageResult& result : results)
    EXPECT_EQ(result.status, ImageStatus::Hashed);
  EXPECT_EQ(inspector.pending(), 0U);
  EXPECT_TRUE(inspector.finish(std::chrono::seconds(20)).empty())
      << "and does not wait for nothing";
}

TEST_F(Images, FinishGivesUpInTime) {
  ImageInspector inspector = start();
  const fs::path large = directory_ / "large";
  std::ofstream(large).close();
  fs::resize_file(large, 3ULL << 30);  // a hole: seconds of hashing
  inspector.submit({{0, 4'000'000}, identity_at(large), large.string()});
  EXPECT_TRUE(inspector.finish(std::chrono::milliseconds(50)).empty());
  EXPECT_EQ(inspector.pending(), 1U);
}

TEST_F(Images, StopsWithWorkWaiting) {
  ImageInspector inspector = start();
  for (std::uint64_t i = 0; i < 5000; ++i)
    inspector.submit({{i, 4'000'000}, {1, i, 2, 3, 4}, "/nonexistent"});
}

TEST_F(Images, ForgetsTheLeastRecentlyExecuted) {
  ImageInspector inspector = start(2);
  const auto exec = [](std::uint64_t i) {
    return ImageExec{{i, 4'000'000}, {1, i, 2, 3, 4}, "/nonexistent"};
  };
  EXPECT_EQ(inspector.submit(exec(1)), ImageInspector::Submitted::Queued);
  EXPECT_EQ(inspector.submit(exec(2)), ImageInspector::Submitted::Queued);
  EXPECT_EQ(inspector.submit(exec(1)), ImageInspector::Submitted::Known);
  EXPECT_EQ(inspector.submit(exec(3)), ImageInspector::Submitted::Queued);
  EXPECT_EQ(inspector.submit(exec(1)), ImageInspector::Submitted::Known);
  EXPECT_EQ(inspector.submit(exec(2)), ImageInspector::Submitted::Queued);
}

TEST(FileDigest, LargeFilesAndEmptyOnes) {
  const fs::path file = fs::temp_directory_path() / ("alibi-digest-" + std::to_string(::getpid()));
  const auto never = [] { return false; };
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20, (std::size_t{5} << 20) + 17}) {
    std::ofstream(file, std::ios::binary) << std::string(size, 'x');
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    const auto digest = sha256_of_file(fd.get(), never);
    ASSERT_TRUE(digest.has_value());
    EXPECT_EQ(*digest, sha256sum(file)) << size;
  }
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(sha256_of_file(fd.get(), [] { return true; }).has_value());
  const UniqueFd directory(::open("/", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(sha256_of_file(directory.get(), never).error().code, Errc::Unsupported);
  fs::remove(file);
}

TEST(FileDigest, DevicesAsTheKernelNumbersThem) {
  struct stat status {};
  ASSERT_EQ(::stat("/", &status), 0);
  const auto s_dev =
      static_cast<std::uint32_t>((major(status.st_dev) << 20U) | minor(status.st_dev));
  EXPECT_EQ(device_from_kernel(s_dev), status.st_dev);
}

TEST(ImageInspector, TellsProcessesApart) {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  const std::string ticks = first_word_of("cut -d' ' -f22 /proc/" + std::to_string(pid) + "/stat");
  const std::uint64_t start_us = std::stoull(ticks) * 10'000;
  EXPECT_TRUE(is_same_process({start_us, pid}));
  EXPECT_TRUE(is_same_process({start_us + 9'999, pid}));
  EXPECT_FALSE(is_same_process({start_us + 10'000, pid}));
  EXPECT_FALSE(is_same_process({start_us, 4'000'000}));
}

}  // namespace
}  // namespace alibi::recorder
