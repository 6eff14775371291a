#include "recorder/privileges.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

namespace alibi::recorder {
namespace {

/// Runs `body` in a child, where privileges can be given up; its exit status.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string status_field(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return "absent";
}

constexpr std::string_view kOnlyBpf[] = {"cap_bpf"};
constexpr const char* kBpfMask = "0000008000000000";  // bit 39
constexpr const char* kNoneMask = "0000000000000000";

TEST(Privileges, KeepsOnlyWhatIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const int result = in_child([] {
    if (!keep_only(kOnlyBpf)) return 1;
    if (status_field("CapPrm") != kBpfMask) return 2;
    if (status_field("CapEff") != kBpfMask) return 3;
    if (status_field("CapBnd") != kBpfMask) return 4;
    if (status_field("CapInh") != kNoneMask) return 5;
    if (status_field("CapAmb") != kNoneMask) return 6;
    if (status_field("NoNewPrivs") != "1") return 7;
    return 0;
  });
  EXPECT_EQ(result, 0);
}

TEST(Privileges, DropsEverythingAndStaysThere) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const int result = in_child([] {
    if (!keep_only({})) return 1;
    if (status_field("CapEff") != kNoneMask || status_field("CapPrm") != kNoneMask) return 2;
    // Naming a capability does not bring it back.
    if (!keep_only(kOnlyBpf)) return 3;
    if (status_field("CapEff") != kNoneMask) return 4;
    const int raw = ::socket(AF_INET, SOCK_RAW, 1);
    return raw < 0 && errno == EPERM ? 0 : 5;
  });
  EXPECT_EQ(result, 0);
}

TEST(Privileges, SaysWhatIsMissing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const int result = in_child([] {
    if (!check_privileges()) return 1;
    constexpr std::string_view kept[] = {"cap_bpf", "cap_perfmon", "cap_dac_read_search"};
    if (!keep_only(kept)) return 2;
    const auto refused = check_privileges();
    if (refused || refused.error().code != Errc::Denied) return 3;
    return refused.error().message.find("needs cap_net_admin, cap_sys_ptrace: ") !=
                   std::string::npos
               ? 0
               : 4;
  });
  EXPECT_EQ(result, 0);
}

TEST(Privileges, SysAdminStandsForBpfAndPerfmon) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const int result = in_child([] {
    constexpr std::string_view kept[] = {"cap_sys_admin"};
    if (!keep_only(kept)) return 1;
    constexpr std::string_view needed[] = {"cap_bpf", "cap_perfmon", "cap_net_admin"};
    return missing_capabilities(needed) == std::vector<std::string>{"cap_net_admin"} ? 0 : 2;
  });
  EXPECT_EQ(result, 0);
}

TEST(Privileges, UnknownNamesChangeNothing) {
  const std::string before = status_field("CapEff");
  constexpr std::string_view names[] = {"cap_fly"};
  const auto refused = keep_only(names);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::Usage);
  EXPECT_EQ(status_field("CapEff"), before);
  EXPECT_EQ(missing_capabilities(names), std::vector<std::string>{"cap_fly"});
}

TEST(Privileges, ProcessIdsOfAContainerAreNotTheKernels) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  if (!has_kernel_pids()) GTEST_SKIP() << "runs in a PID namespace already";
  const int result = in_child([] {
    if (::unshare(CLONE_NEWPID) != 0) return 1;
    const pid_t inside = ::fork();
    if (inside == 0) ::_exit(has_kernel_pids() ? 2 : 0);
    int status = -1;
    return ::waitpid(inside, &status, 0) == inside && WIFEXITED(status) ? WEXITSTATUS(status) : 3;
  });
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace alibi::recorder
