#include "recorder/user_names.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace alibi::recorder {
namespace {

namespace fs = std::filesystem;

constexpr BootNs second(std::uint64_t s) { return {s * 1'000'000'000}; }

class Passwd : public ::testing::Test {
 protected:
  Passwd() : file_(fs::temp_directory_path() / ("alibi-passwd-" + std::to_string(::getpid()))) {}
  ~Passwd() override { fs::remove(file_); }
  void write(const std::string& text) const { std::ofstream(file_) << text; }
  fs::path file_;
};

TEST_F(Passwd, NamesAndNumbers) {
  write(
      "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\n# "
      "comment\n+::::::\nbad:x:abc:1::/:\n"
      "short:x:5\n:x:6:6::/:\nann:x:1000:1000:Ann,,,:/home/ann:/bin/zsh");
  UserNames users(file_.string());
  EXPECT_EQ(users.name(0, second(1)), "root");
  EXPECT_EQ(users.name(1000, second(1)), "ann");
  EXPECT_EQ(users.name(5, second(1)), "5");
  EXPECT_EQ(users.name(6, second(1)), "6");
  EXPECT_EQ(users.name(4294967295U, second(1)), "4294967295");
}

TEST_F(Passwd, FollowsChangesWithinASecond) {
  write("ann:x:1000:1000::/:\n");
  UserNames users(file_.string());
  EXPECT_EQ(users.name(1000, second(1)), "ann");
  write("robert:x:1000:1000::/:\n");
  EXPECT_EQ(users.name(1000, {second(1).ns + 1}), "ann");
  EXPECT_EQ(users.name(1000, second(2)), "robert");
  fs::remove(file_);
  EXPECT_EQ(users.name(1000, second(3)), "1000");
}

TEST(UserNames, TheRealFile) {
  UserNames users;
  EXPECT_EQ(users.name(0, second(1)), "root");
}

}  // namespace
}  // namespace alibi::recorder
