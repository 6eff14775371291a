#include "store/directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>

namespace alibi::store {

namespace {

// `alibi status` holds a shared lock for an instant to see whether a recorder
// runs; that is no reason to refuse one. A recorder holds it for good.
bool take_lock(int fd) {
  constexpr int kTries = 20;
  constexpr useconds_t kPauseUs = 10'000;
  for (int i = 0; i < kTries; ++i) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) return false;
    ::usleep(kPauseUs);
  }
  errno = EWOULDBLOCK;
  return false;
}

}  // namespace

Result<UniqueFd> lock_directory(const Layout& layout) {
  const auto path = layout.lock();
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.is_open()) return fail_errno(errno, "open " + path.string());
  if (!take_lock(fd.get())) {
    if (errno != EWOULDBLOCK) return fail_errno(errno, "lock " + path.string());
    char pid[24] = {};
    const ssize_t length = ::pread(fd.get(), pid, sizeof pid - 1, 0);
    const std::string holder =
        length > 0 ? "process " +
                         std::string(pid, pid + length).substr(0, std::string_view(pid).find('\n'))
                   : std::string("another process");
    return fail(Errc::Denied, holder + " already records into " + layout.directory.string() +
                                  "; stop it, or choose another --dir");
  }
  // The pid is for people; the lock works without it, so a full disk is no obstacle.
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) == 0) (void)!::pwrite(fd.get(), text.data(), text.size(), 0);
  return fd;
}

}  // namespace alibi::store
