#include "recorder/self_test_actions.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.hpp"

namespace alibi::recorder {
namespace {

constexpr std::array<char, kSelfTestPayloadBytes> kPayload{'a', 'l', 'i', 'b', 'i'};

/// What the actor writes into the pipe: plain bytes, both sides are one program.
struct FlowReport {
  int error = 0;
  sockaddr_in6 client{};  // large enough for both families
  sockaddr_in6 server{};
  std::uint64_t client_cookie = 0;
  std::uint64_t server_cookie = 0;
};
struct Report {
  std::int32_t exec_pid = 0;
  std::int32_t exec_status = -1;
  std::int32_t failed_pid = 0;
  std::int32_t failed_status = -1;
  int map_error = 0;
  FlowReport tcp4, tcp6, refused, udp4;
};
static_assert(sizeof(Report) < 4096, "must fit into a pipe in one write");

sockaddr* as_sockaddr(sockaddr_in6& address) { return reinterpret_cast<sockaddr*>(&address); }

sockaddr_in6 loopback(int family) {
  sockaddr_in6 address{};
  if (family == AF_INET6) {
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  return address;
}

socklen_t size_of(int family) {
  return family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

UniqueFd open_socket(int family, int type) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  const timeval second{1, 0};
  if (fd.is_open()) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
  }
  return fd;
}

/// Binds to a free port of loopback and says which.
bool bind_to_loopback(int fd, int family, sockaddr_in6& address) {
  address = loopback(family);
  socklen_t size = size_of(family);
  return ::bind(fd, as_sockaddr(address), size) == 0 &&
         ::getsockname(fd, as_sockaddr(address), &size) == 0;
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
  return cookie;
}

/// Never 0: what moved too few bytes may have left none.
int failure() { return errno != 0 ? errno : EIO; }

bool move_payload(int from, int to) {
  std::array<char, 16> buffer{};
  return ::send(from, kPayload.data(), kPayload.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(kPayload.size()) &&
         ::recv(to, buffer.data(), buffer.size(), 0) == static_cast<ssize_t>(kPayload.size());
}

/// 0, or the errno of what failed.
int talk_tcp(int family, FlowReport& flow) {
  const UniqueFd listener = open_socket(family, SOCK_STREAM);
  const UniqueFd client = open_socket(family, SOCK_STREAM);
  if (!listener.is_open() || !client.is_open()) return failure();
  if (!bind_to_loopback(listener.get(), family, flow.server) || ::listen(listener.get(), 1) != 0)
    return failure();
  if (::connect(client.get(), as_sockaddr(flow.server), size_of(family)) != 0) return failure();
  const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  socklen_t size = size_of(family);
  if (!accepted.is_open() || ::getsockname(client.get(), as_sockaddr(flow.client), &size) != 0)
    return failure();
  flow.client_cookie = cookie_of(client.get());
  flow.server_cookie = cookie_of(accepted.get());
  if (!move_payload(client.get(), accepted.get()) || !move_payload(accepted.get(), client.get()))
    return failure();
  return 0;
}

/// A port that is bound but not listening refuses for certain.
int be_refused(FlowReport& flow) {
  const UniqueFd holder = open_socket(AF_INET, SOCK_STREAM);
  const UniqueFd client = open_socket(AF_INET, SOCK_STREAM);
  if (!holder.is_open() || !client.is_open()) return failure();
  if (!bind_to_loopback(holder.get(), AF_INET, flow.server)) return failure();
  if (!bind_to_loopback(client.get(), AF_INET, flow.client)) return failure();
  flow.client_cookie = cookie_of(client.get());
  if (::connect(client.get(), as_sockaddr(flow.server), size_of(AF_INET)) == 0) return EISCONN;
  return errno == ECONNREFUSED ? 0 : failure();
}

int talk_udp(FlowReport& flow) {
  const UniqueFd server = open_socket(AF_INET, SOCK_DGRAM);
  const UniqueFd client = open_socket(AF_INET, SOCK_DGRAM);
  if (!server.is_open() || !client.is_open()) return failure();
  if (!bind_to_loopback(server.get(), AF_INET, flow.server)) return failure();
  if (!bind_to_loopback(client.get(), AF_INET, flow.client)) return failure();
  flow.client_cookie = cookie_of(client.get());
  flow.server_cookie = cookie_of(server.get());
  const socklen_t size = size_of(AF_INET);
  if (::connect(client.get(), as_sockaddr(flow.server), size) != 0) return failure();
  if (::connect(server.get(), as_sockaddr(flow.client), size) != 0) return failure();
  if (!move_payload(client.get(), server.get()) || !move_payload(server.get(), client.get()))
    return failure();
  return 0;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Executes `arguments`; a child whose execve fails ends with kSelfTestExitCode.
void fork_and_exec(char* const* arguments, std::int32_t& pid, std::int32_t& status) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execve(arguments[0], arguments, environ);
    ::_exit(kSelfTestExitCode);
  }
  pid = child;
  if (child > 0) status = wait_for(child);
}

int map_executable(const char* file) {
  const UniqueFd fd(::open(file, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return errno;
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd.get(), 0);
  if (memory == MAP_FAILED) return errno;
  ::munmap(memory, 4096);
  return 0;
}

/// Everything that happens in the actor. Only system calls.
[[noreturn]] void act(char* const* command, char* const* missing, const char* library,
                      int report_fd) {
  ::alarm(kSelfTestTimeoutMs / 1000);
  Report report;
  fork_and_exec(command, report.exec_pid, report.exec_status);
  fork_and_exec(missing, report.failed_pid, report.failed_status);
  report.map_error = map_executable(library);
  report.tcp4.error = talk_tcp(AF_INET, report.tcp4);
  report.tcp6.error = talk_tcp(AF_INET6, report.tcp6);
  report.refused.error = be_refused(report.refused);
  report.udp4.error = talk_udp(report.udp4);
  const ssize_t written = ::write(report_fd, &report, sizeof report);
  ::_exit(written == static_cast<ssize_t>(sizeof report) ? 0 : 1);
}

event::Endpoint endpoint_of(const sockaddr_in6& address) {
  event::Endpoint endpoint;
  if (address.sin6_family == AF_INET6) {
    endpoint.address.is_v6 = true;
    std::copy_n(address.sin6_addr.s6_addr, 16, endpoint.address.bytes.begin());
    endpoint.port = ntohs(address.sin6_port);
  } else {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    std::memcpy(endpoint.address.bytes.data(), &v4.sin_addr, 4);
    endpoint.port = ntohs(v4.sin_port);
  }
  return endpoint;
}

SelfTestFlow flow_of(const FlowReport& report) {
  if (report.error != 0) return {.error = report.error};
  return {0, endpoint_of(report.client), endpoint_of(report.server), report.client_cookie,
          report.server_cookie};
}

/// A library that is certainly there: the one this program runs on.
std::string library_path() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&::getpid), &info) == 0 || info.dli_fname == nullptr)
    return "/proc/self/exe";
  char resolved[PATH_MAX];
  return ::realpath(info.dli_fname, resolved) != nullptr ? resolved : "/proc/self/exe";
}

bool read_report(int fd, Report& report) {
  pollfd ready{fd, POLLIN, 0};
  if (::poll(&ready, 1, kSelfTestTimeoutMs) != 1) return false;
  return ::read(fd, &report, sizeof report) == static_cast<ssize_t>(sizeof report);
}

}  // namespace

Result<SelfTestActions> perform_self_test(const std::vector<std::string>& command) {
  if (command.empty()) return fail(Errc::Usage, "the self-test needs a command");
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::array<char*, 2> missing{const_cast<char*>(kSelfTestMissingProgram), nullptr};
  SelfTestActions actions;
  actions.mapped_file = library_path();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "make a pipe for the self-test");
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  actions.began = boot_now();
  const pid_t actor = ::fork();
  if (actor < 0) return fail_errno(errno, "fork for the self-test");
  if (actor == 0) act(arguments.data(), missing.data(), actions.mapped_file.c_str(), writing.get());
  writing.reset();
  Report report;
  const bool is_done = read_report(reading.get(), report);
  if (!is_done) ::kill(actor, SIGKILL);
  const int status = wait_for(actor);
  actions.ended = boot_now();
  if (!is_done || status != 0) return fail(Errc::Io, "the actions of the self-test did not finish");
  actions.actor_pid = static_cast<std::uint32_t>(actor);
  actions.exec_pid = static_cast<std::uint32_t>(report.exec_pid);
  actions.exec_status = report.exec_status;
  actions.failed_pid = static_cast<std::uint32_t>(report.failed_pid);
  actions.failed_status = report.failed_status;
  actions.map_error = report.map_error;
  actions.tcp4 = flow_of(report.tcp4);
  actions.tcp6 = flow_of(report.tcp6);
  actions.refused = flow_of(report.refused);
  actions.udp4 = flow_of(report.udp4);
  return actions;
}

}  // namespace alibi::recorder
