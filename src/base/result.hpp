#pragma once
// Errors are values. One closed set of codes, which are also the exit statuses
// of `alibi` (docs/commands.md), so that a failure keeps its meaning from the
// system call up to the shell.
//
// Nothing in Alibi throws. Exceptions of libraries are caught at the edge of
// the file that calls the library and become an Error there.

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace alibi {

enum class Errc : std::uint8_t {
  Internal = 1,     ///< our own invariant broke
  Usage = 2,        ///< the caller asked for something that makes no sense
  NotFound = 3,     ///< no such file, record, process or flow
  Denied = 4,       ///< permission or a lock somebody else holds
  Unsupported = 5,  ///< this kernel or build cannot do it
  Io = 6,           ///< the disk or another device failed (ENOSPC, EIO, EROFS, ...)
  Corrupt = 7,      ///< bytes do not parse; makes no claim about why
};

struct Error {
  Errc code = Errc::Internal;
  int sys_errno = 0;    ///< errno of the failed call, 0 where none failed
  std::string message;  ///< one line for a person: what failed, on what, what to do
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected(Error{code, 0, std::move(message)});
}

/// The Errc that an errno means to the user of the program.
constexpr Errc errc_of(int sys_errno) {
  switch (sys_errno) {
    case ENOENT:
    case ESRCH: return Errc::NotFound;
    case EPERM:
    case EACCES:
    case EWOULDBLOCK: return Errc::Denied;
    case ENOSYS:
    case EOPNOTSUPP: return Errc::Unsupported;
    default: return Errc::Io;
  }
}

/// `what` names the action and its object, such as "open /var/lib/alibi/lock".
inline std::unexpected<Error> fail_errno(int sys_errno, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += ::strerrordesc_np(sys_errno) ? ::strerrordesc_np(sys_errno) : "unknown error";
  return std::unexpected(Error{errc_of(sys_errno), sys_errno, std::move(message)});
}

/// Adds what the caller was doing, once per layer.
inline std::unexpected<Error> during(std::string_view doing, Error error) {
  error.message = std::string(doing) + ": " + error.message;
  return std::unexpected(std::move(error));
}

}  // namespace alibi
