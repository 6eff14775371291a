#pragma once
// Real actions, done so that every sensor has something to report: after
// attaching, the pipeline does them and checks that each shows up.
//
// All happen in children of the caller and on loopback. Takes some
// milliseconds, at most kSelfTestTimeoutMs. Forks: nothing but system calls
// runs in the children, so other threads do no harm.

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "event/address.hpp"

namespace alibi::recorder {

inline constexpr int kSelfTestTimeoutMs = 5000;
inline constexpr int kSelfTestExitCode = 7;
inline constexpr const char* kSelfTestMissingProgram = "/nonexistent/alibi-self-test";
/// Hidden argument with which the program itself ends at once, with status 0.
inline constexpr const char* kSelfTestArgument = "--self-test-child";
inline constexpr std::uint64_t kSelfTestPayloadBytes = 5;  ///< each way, each conversation

/// One conversation of `actor_pid` with itself.
struct SelfTestFlow {
  int error =
      0;  ///< errno where this machine cannot do it (such as no IPv6); the rest is then empty
  event::Endpoint client;
  event::Endpoint server;
  std::uint64_t client_cookie = 0;  ///< SO_COOKIE
  std::uint64_t server_cookie = 0;  ///< of the accepted socket (TCP); 0 for the refused one
};

struct SelfTestActions {
  BootNs began;
  BootNs ended;
  std::uint32_t actor_pid = 0;   ///< child of the caller; ended with status 0
  std::uint32_t exec_pid = 0;    ///< child of the actor; executed `command`, ended with 0
  int exec_status = -1;          ///< exit status of exec_pid
  std::uint32_t failed_pid = 0;  ///< child of the actor; its execve of kSelfTestMissingProgram
                                 ///< failed with ENOENT, then it ended with kSelfTestExitCode
  int failed_status = -1;        ///< exit status of failed_pid
  std::string mapped_file;       ///< the actor mapped its first page executable
  int map_error = 0;
  SelfTestFlow tcp4;
  SelfTestFlow tcp6;
  SelfTestFlow refused;  ///< TCP to a port of 127.0.0.1 where nobody listens
  SelfTestFlow udp4;
};

/// `command`: path and arguments of a program that ends at once with status 0;
/// {"/proc/self/exe", kSelfTestArgument} in production.
///
/// Errors: Usage (empty command), Io (no more processes, or the actor did not
/// finish in time and was killed).
[[nodiscard]] Result<SelfTestActions> perform_self_test(const std::vector<std::string>& command);

}  // namespace alibi::recorder
