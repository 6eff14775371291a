// On this machine: the desktop (org.freedesktop.Notifications over D-Bus), the
// system log, and programs (wall, what makes a noise).

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "notify/message.hpp"

namespace alibi::notify {
namespace {

constexpr std::int64_t kProgramMs = 30'000;
constexpr std::uint64_t kBusUs = 10'000'000;

struct CloseBus {
  void operator()(sd_bus* bus) const { ::sd_bus_flush_close_unref(bus); }
};

/// Waits for its end, at most kProgramMs; then ends it.
Status wait_for(pid_t pid, const std::string& name) {
  int status = 0;
  for (std::int64_t waited = 0; waited < kProgramMs; waited += 20) {
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
      return fail(Errc::Io,
                  fmt::format("{} ended with {}", name,
                              WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, &status, 0);
  return fail(Errc::Io, name + " did not end");
}

/// 0, or why nobody takes a line.
int connect_to_log() {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
  int error = EPROTOTYPE;
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    if (error != EPROTOTYPE) break;
    const UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    const bool is_there =
        fd.is_open() &&
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    error = is_there ? 0 : errno;
  }
  return error;
}

}  // namespace

Status notify_desktop(const Message& message) {
  sd_bus* raw = nullptr;
  int error = ::sd_bus_new(&raw);
  const std::unique_ptr<sd_bus, CloseBus> bus(raw);
  if (error >= 0) error = ::sd_bus_set_address(raw, message.target[0].c_str());
  if (error >= 0) error = ::sd_bus_set_bus_client(raw, 1);
  if (error >= 0) error = ::sd_bus_set_method_call_timeout(raw, kBusUs);
  if (error >= 0) error = ::sd_bus_start(raw);
  if (error < 0) return fail_errno(-error, "connect to " + message.target[0]);
  sd_bus_error why = SD_BUS_ERROR_NULL;
  constexpr unsigned char kCritical = 2;
  error =
      ::sd_bus_call_method(raw, "org.freedesktop.Notifications", "/org/freedesktop/Notifications",
                           "org.freedesktop.Notifications", "Notify", &why, nullptr,
                           "susssasa{sv}i", "Alibi", 0U, "dialog-warning", message.subject.c_str(),
                           message.text.c_str(), 0, 1, "urgency", "y", kCritical, 0);
  const std::string text = why.message ? why.message : "";
  ::sd_bus_error_free(&why);
  if (error < 0) return fail_errno(-error, fmt::format("notify at {} {}", message.target[0], text));
  return {};
}

Status write_syslog(const Message& message) {
  // syslog(3) says nothing when nobody listens.
  if (const int error = connect_to_log(); error != 0)
    return fail_errno(error, "connect to /dev/log");
  std::string line = message.subject + "; " + message.text;
  for (char& c : line)
    if (c == '\n') c = ';';
  ::openlog("alibi", LOG_PID, LOG_AUTH);
  ::syslog(LOG_AUTH | LOG_ALERT, "%s", line.c_str());
  return {};
}

Status run_command(const std::vector<std::string>& command, const std::string& input) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "make a pipe");
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  // Texts are shorter than what a pipe takes at once (4096, POSIX.1, at least).
  if (::write(to.get(), input.data(), std::min<std::size_t>(input.size(), 4096)) < 0)
    return fail_errno(errno, "write to a pipe");
  to.reset();
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, from.get(), STDIN_FILENO);
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::vector<char*> words;
  for (const std::string& word : command)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, words[0], &actions, &attributes, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail_errno(error, "start " + command[0]);
  return wait_for(pid, command[0]);
}

}  // namespace alibi::notify
