// What `age -d` makes of a file. The program reads what we read and hashed, from
// a socket, so that the bytes it opens are those that were judged.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "store/age_program.hpp"
#include "verify/byte_source.hpp"

namespace alibi::verify {
namespace {

constexpr std::size_t kWindowBytes = 256U << 10;

class AgeSource : public ByteSource {
 public:
  AgeSource(ByteSource& below, pid_t child, UniqueFd to_child, UniqueFd from_child)
      : below_(below),
        child_(child),
        to_child_(std::move(to_child)),
        from_child_(std::move(from_child)),
        window_(kWindowBytes) {}
  AgeSource(const AgeSource&) = delete;
  AgeSource& operator=(const AgeSource&) = delete;

  ~AgeSource() override {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    (void)wait();
  }

  Result<std::size_t> read(std::span<char> to) override {
    if (child_ <= 0) return ended_;
    for (;;) {
      pollfd polled[2] = {{from_child_.get(), POLLIN, 0}, {to_child_.get(), POLLOUT, 0}};
      if (::poll(polled, to_child_.is_open() ? 2 : 1, -1) < 0 && errno != EINTR)
        return fail_errno(errno, "wait for age");
      if (to_child_.is_open() && polled[1].revents != 0) {
        if (auto done = feed(); !done) return std::unexpected(done.error());
      }
      if (polled[0].revents == 0) continue;
      const ssize_t got = ::read(from_child_.get(), to.data(), to.size());
      if (got > 0) return static_cast<std::size_t>(got);
      if (got < 0 && errno != EINTR) return fail_errno(errno, "read from age");
      if (got == 0) {
        if (wait() != 0) ended_ = fail(Errc::Corrupt, "age does not open it with this identity");
        return ended_;
      }
    }
  }

 private:
  Status feed() {
    if (begin_ == end_) {
      const auto got = below_.read(window_);
      if (!got) return std::unexpected(got.error());
      begin_ = 0;
      end_ = *got;
      if (end_ == 0) {
        to_child_.reset();
        return {};
      }
    }
    const ssize_t sent = ::send(to_child_.get(), window_.data() + begin_, end_ - begin_,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) begin_ += static_cast<std::size_t>(sent);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) to_child_.reset();  // it wants no more
    return {};
  }

  int wait() {
    const int status = store::wait_for_program(child_);
    child_ = -1;
    return status;
  }

  ByteSource& below_;
  pid_t child_;
  UniqueFd to_child_;
  UniqueFd from_child_;
  std::vector<char> window_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Result<std::size_t> ended_ = 0;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> age_source(ByteSource& below,
                                               const std::filesystem::path& identity) {
  int in[2];
  int out[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0)
    return fail_errno(errno, "start age");
  UniqueFd to_child(in[0]);
  const UniqueFd child_in(in[1]);
  if (::pipe2(out, O_CLOEXEC) != 0) return fail_errno(errno, "start age");
  UniqueFd from_child(out[0]);
  const UniqueFd child_out(out[1]);

  const auto child = store::start_age(child_in.get(), child_out.get(), identity);
  if (!child) return std::unexpected(child.error());
  return std::make_unique<AgeSource>(below, *child, std::move(to_child), std::move(from_child));
}

}  // namespace alibi::verify
