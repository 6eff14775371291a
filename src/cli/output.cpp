#include "cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace alibi::cli {

void Output::write(std::string_view text) {
  if (!is_open()) return;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) sys_errno_ = errno;
}

void Output::flush() {
  if (is_open() && std::fflush(stdout) != 0) sys_errno_ = errno;
}

Result<int> Output::finish() {
  flush();
  if (sys_errno_ == 0 || sys_errno_ == EPIPE) return 0;
  return fail_errno(sys_errno_, "write to standard output");
}

bool is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

std::size_t columns() {
  winsize size{};
  if (!is_terminal()) return 0;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 80;
  return size.ws_col;
}

}  // namespace alibi::cli
