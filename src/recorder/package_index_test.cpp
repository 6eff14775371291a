#include "recorder/package_index.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace alibi::recorder {
namespace {

namespace fs = std::filesystem;

class PackageDatabase : public ::testing::Test {
 protected:
  PackageDatabase()
      : root_(fs::temp_directory_path() / ("alibi-dpkg-" + std::to_string(::getpid()))) {
    fs::create_directories(root_ / "info");
    write("info/tool.list", "/.\n/usr\n/usr/bin\n/usr/bin/tool\n/usr/lib/tool/inner");
    write("info/libx:amd64.list", "/usr/lib/x86_64-linux-gnu/libx.so.1\n");
    write("info/old.list", "/usr/bin/shared\n");
    write("info/new.list", "/usr/bin/shared\n");
    write("status",
          "Package: tool\nStatus: install ok installed\nArchitecture: all\nVersion: 1.2-3\n\n"
          "Package: libx\nArchitecture: amd64\nVersion: 2:4.5+deb12u1\n\n"
          "Package: old\nArchitecture: amd64\nVersion: 1\n\nPackage: new\nArchitecture: "
          "amd64\nVersion: 2\n");
    write("diversions", "/usr/bin/shared\n/usr/bin/shared.old\nnew\n");
  }
  ~PackageDatabase() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(root_ / name) << text;
  }

  fs::path root_;
};

TEST_F(PackageDatabase, OwnerAndVersion) {
  PackageIndex index(root_.string());
  EXPECT_EQ(index.find_owner("/usr/bin/tool"), (PackageOwner{"tool", "1.2-3"}));
  EXPECT_EQ(index.find_owner("/usr/lib/tool/inner"), (PackageOwner{"tool", "1.2-3"}));
  EXPECT_EQ(index.find_owner("/usr/lib/x86_64-linux-gnu/libx.so.1"),
            (PackageOwner{"libx:amd64", "2:4.5+deb12u1"}));
  EXPECT_FALSE(index.find_owner("/usr/bin/too").has_value());
  EXPECT_FALSE(index.find_owner("/usr/bin/tool2").has_value());
  EXPECT_FALSE(index.find_owner("").has_value());
}

TEST_F(PackageDatabase, Diversions) {
  PackageIndex index(root_.string());
  EXPECT_EQ(index.find_owner("/usr/bin/shared"), (PackageOwner{"new", "2"}));
  EXPECT_EQ(index.find_owner("/usr/bin/shared.old"), (PackageOwner{"old", "1"}));
}

TEST_F(PackageDatabase, FollowsChanges) {
  PackageIndex index(root_.string());
  EXPECT_FALSE(index.find_owner("/usr/bin/later").has_value());
  write("info/later.list", "/usr/bin/later\n");
  EXPECT_FALSE(index.find_owner("/usr/bin/later").has_value()) << "dpkg writes the status last";
  write("status", "Package: later\nArchitecture: all\nVersion: 7\n");
  EXPECT_EQ(index.find_owner("/usr/bin/later"), (PackageOwner{"later", "7"}));
}

TEST(PackageIndex, WithoutADatabaseNobodyOwnsAnything) {
  PackageIndex index("/nonexistent");
  EXPECT_FALSE(index.find_owner("/usr/bin/env").has_value());
  EXPECT_EQ(index.path_count(), 0U);
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> part{};
  while (pipe != nullptr && std::fgets(part.data(), part.size(), pipe) != nullptr)
    text += part.data();
  if (pipe != nullptr) ::pclose(pipe);
  return text;
}

TEST(PackageIndex, AgreesWithDpkg) {
  if (!fs::exists("/var/lib/dpkg/status") || !fs::exists("/usr/bin/dpkg"))
    GTEST_SKIP() << "no dpkg here";
  PackageIndex index;
  std::size_t compared = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator("/usr/bin")) {
    if (entry.is_symlink() || !entry.is_regular_file() || compared >= 8) continue;
    // dpkg knows only the spelling of its list: ask for both.
    const std::string path = entry.path().string();
    const std::string told =
        output_of("dpkg -S " + path + " " + path.substr(4) + " 2>/dev/null | grep -v ^diversion");
    const auto owner = index.find_owner(path);
    if (told.empty()) {
      EXPECT_FALSE(owner.has_value()) << path;
      continue;
    }
    ASSERT_TRUE(owner.has_value()) << path;
    EXPECT_EQ(owner->package, told.substr(0, told.find(": /"))) << path;
    const std::string version = output_of("dpkg-query -W -f '${Version}' " + owner->package);
    EXPECT_EQ(owner->version, version) << path;
    ++compared;
  }
  EXPECT_GT(compared, 0U);
  EXPECT_LT(index.memory_bytes(), 8U << 20);
  RecordProperty("paths", std::to_string(index.path_count()));
  RecordProperty("bytes", std::to_string(index.memory_bytes()));
}

}  // namespace
}  // namespace alibi::recorder
