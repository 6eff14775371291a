#include "store/replace_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/unique_fd.hpp"

namespace alibi::store {

Status replace_file(const std::filesystem::path& path, std::string_view text) {
  const std::string temporary = path.string() + ".tmp";
  const UniqueFd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.is_open()) return fail_errno(errno, "write " + temporary);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return fail_errno(error, "write " + temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return fail_errno(errno, "rename " + temporary);
  return {};
}

}  // namespace alibi::store
