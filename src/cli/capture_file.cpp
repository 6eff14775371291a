#include "cli/capture_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.hpp"

namespace alibi::cli {
namespace {

constexpr std::size_t kWriteBytes = 256 << 10;

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat first {
  }, second{};
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

CaptureFile::CaptureFile(std::string name, UniqueFd fd)
    : name_(std::move(name)),
      fd_(std::move(fd)),
      export_({.application = "alibi " ALIBI_VERSION}) {}

Result<std::unique_ptr<CaptureFile>> CaptureFile::create(const std::string& file,
                                                         const std::string& source) {
  if (file == "-" && is_terminal())
    return fail(Errc::Usage, "-w -: standard output is a terminal; send it to a file or a program");
  if (!source.empty() && is_same_file(file, source))
    return fail(Errc::Usage, fmt::format("-w {}: that is the file being read", file));
  const int fd = file == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail_errno(errno, "create " + file);
  return std::unique_ptr<CaptureFile>(new CaptureFile(file, UniqueFd(fd)));
}

Status CaptureFile::write(const query::LoggedPacket& logged, const packet::Headers& headers) {
  export_.append(pending_, logged, headers);
  return pending_.size() < kWriteBytes ? Status() : flush();
}

Status CaptureFile::flush() {
  for (std::span<const std::byte> rest = pending_; !rest.empty();) {
    const ssize_t written = ::write(fd_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "write " + name_);
    rest = rest.subspan(static_cast<std::size_t>(written));
  }
  pending_.clear();
  return {};
}

Status CaptureFile::finish() {
  export_.finish(pending_, wall_now());
  return flush();
}

}  // namespace alibi::cli
