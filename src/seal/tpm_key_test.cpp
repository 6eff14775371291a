#include "seal/tpm_key.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/unique_fd.hpp"
#include "seal/bytes.hpp"

extern char** environ;

namespace alibi::seal {
namespace {

UniqueFd bound_to(std::uint16_t& port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return {};
  port = ntohs(address.sin_port);
  return fd;
}

/// A port of loopback that was free a moment ago, and the next one too: tpm2-tss
/// expects the control channel there.
std::uint16_t two_free_ports() {
  for (int i = 0; i < 100; ++i) {
    std::uint16_t port = 0;
    const UniqueFd first = bound_to(port);
    std::uint16_t next = static_cast<std::uint16_t>(port + 1);
    if (first.is_open() && next != 0 && bound_to(next).is_open()) return port;
  }
  return 0;
}

/// A TPM of its own with a new state: swtpm(8).
class SimulatedTpm {
 public:
  SimulatedTpm() {
    char name[] = "/tmp/alibi-swtpm-XXXXXX";
    if (!::mkdtemp(name)) return;
    directory_ = name;
    const auto port = two_free_ports();
    tcti = fmt::format("swtpm:host=127.0.0.1,port={}", port);
    std::string words[] = {"swtpm",
                           "socket",
                           "--tpm2",
                           "--tpmstate",
                           "dir=" + directory_.string(),
                           "--server",
                           fmt::format("type=tcp,bindaddr=127.0.0.1,port={}", port),
                           "--ctrl",
                           fmt::format("type=tcp,bindaddr=127.0.0.1,port={}", port + 1),
                           "--flags",
                           "not-need-init,startup-clear"};
    std::vector<char*> argv;
    for (auto& word : words)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    is_there = ::posix_spawnp(&pid_, "swtpm", nullptr, nullptr, argv.data(), environ) == 0;
  }
  SimulatedTpm(const SimulatedTpm&) = delete;
  SimulatedTpm& operator=(const SimulatedTpm&) = delete;
  ~SimulatedTpm() {
    if (is_there) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(directory_);
  }

  /// As keep_in_tpm, once it listens.
  [[nodiscard]] Result<std::string> keep(const SigningKey& key) const {
    auto text = keep_in_tpm(key, tcti);
    for (int i = 0; i < 100 && !text; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      text = keep_in_tpm(key, tcti);
    }
    return text;
  }

  std::string tcti;
  bool is_there = false;

 private:
  std::filesystem::path directory_;
  pid_t pid_ = 0;
};

TEST(tpm_key, comes_back_from_the_tpm_that_keeps_it_and_from_no_other) {
  const SimulatedTpm tpm;
  const SimulatedTpm other;
  if (!tpm.is_there || !other.is_there)
    GTEST_SKIP() << "skip: no swtpm on this machine (apt-get install swtpm)";
  const auto key = SigningKey::generate("alibi/test");
  const auto text = tpm.keep(key);
  ASSERT_TRUE(text) << text.error().message;

  // The text is not the key: neither half of the seed stands in the blobs.
  const auto blob =
      from_base64(text->substr(text->rfind(' ') + 1, text->size() - text->rfind(' ') - 2));
  ASSERT_TRUE(blob);
  EXPECT_FALSE(blob->contains(key.seed().substr(0, 16)));
  EXPECT_FALSE(blob->contains(key.seed().substr(16)));

  const auto again = key_from_tpm(*text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->verification_key(), key.verification_key());
  EXPECT_TRUE(key.verification_key().verifies("said", again->sign("said")));

  const auto others = other.keep(SigningKey::generate("alibi/other"));
  ASSERT_TRUE(others) << others.error().message;
  std::string moved = *text;
  moved.replace(moved.find(tpm.tcti), tpm.tcti.size(), other.tcti);
  const auto refused = key_from_tpm(moved);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("another TPM")) << refused.error().message;
}

TEST(tpm_key, what_is_no_such_text_is_refused) {
  for (const char* text :
       {"", "alibi-tpm-key-v1\n", "alibi-tpm-key-v1\nname a\ntcti b\npublic !\nprivate AA==\n",
        "alibi-tpm-key-v1\nname a\ntcti b\npublic AA==\nprivate AA==\nmore\n"}) {
    const auto key = key_from_tpm(text);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Errc::Corrupt) << text;
  }
}

TEST(tpm_key, no_tpm_says_what_to_do) {
  const auto text = keep_in_tpm(SigningKey::generate("alibi/test"), "device:/nonexistent/tpm");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Errc::NotFound);
  EXPECT_TRUE(text.error().message.contains("--tpm")) << text.error().message;
}

}  // namespace
}  // namespace alibi::seal
