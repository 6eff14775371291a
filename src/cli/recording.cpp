#include "cli/recording.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <fstream>

#include "base/unique_fd.hpp"
#include "recorder/recorder.hpp"
#include "store/layout.hpp"

namespace alibi::cli {
namespace {

constexpr std::size_t kLargestState = 1U << 20;

}  // namespace

Result<bool> is_locked(const std::filesystem::path& directory) {
  const std::string path = (directory / "lock").string();
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return fail_errno(errno, "open " + path);
  }
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return fail_errno(errno, "ask for the lock " + path);
}

Result<std::string> read_state_file(const std::filesystem::path& directory) {
  const auto path = store::Layout::of(directory).content / recorder::kStatusFile;
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail_errno(errno != 0 ? errno : EIO, "open " + path.string());
  std::string text(kLargestState, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

std::uint64_t bytes_under(const std::filesystem::path& directory) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;  // retention may delete a file meanwhile
    if (const auto size = it->is_regular_file(gone) ? it->file_size(gone) : 0; !gone) sum += size;
  }
  return sum;
}

}  // namespace alibi::cli
