#include "recorder/snapshot_proc.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <string_view>

#include "base/unique_fd.hpp"

namespace alibi::recorder {
namespace {

constexpr std::size_t kMaxFileBytes = 64U << 10;
constexpr std::uint64_t kTickUs = 10'000;  // USER_HZ is 100
constexpr std::string_view kDeleted = " (deleted)";

/// At most `limit` bytes; shorter where the process ends meanwhile.
std::string read_file(int directory, const char* name, std::size_t limit) {
  const UniqueFd fd(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd.is_open()) return text;
  std::array<char, 16384> part{};
  while (text.size() < limit) {
    const ssize_t size = ::read(fd.get(), part.data(), std::min(part.size(), limit - text.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  return text;
}

std::string read_link(int directory, const char* name) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlinkat(directory, name, target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string{};
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} ? std::optional<T>(value) : std::nullopt;
}

/// "net:[4026531840]" -> 4026531840
std::uint64_t read_namespace(int directory, const char* name) {
  const std::string target = read_link(directory, name);
  const auto bracket = target.find('[');
  if (bracket == std::string::npos) return 0;
  return parse_number<std::uint64_t>(std::string_view(target).substr(bracket + 1)).value_or(0);
}

/// Calls `take` with each line.
template <typename Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    take(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
}

/// "1000\t1000\t1000\t1000"
std::optional<ProcUids> parse_ids(std::string_view text) {
  std::array<std::uint32_t, 3> ids{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::uint32_t& id : ids) {
    while (at != end && (*at == ' ' || *at == '\t'))
      ++at;
    const auto parsed = std::from_chars(at, end, id);
    if (parsed.ec != std::errc{}) return std::nullopt;
    at = parsed.ptr;
  }
  return ProcUids{ids[0], ids[1], ids[2]};
}

bool read_stat(int directory, ProcSnapshot& snapshot) {
  const std::string text = read_file(directory, "stat", kMaxFileBytes);
  // pid (name) state ppid ...: the name may contain spaces and parentheses.
  const auto name_begin = text.find(" (");
  const auto name_end = text.rfind(") ");
  if (name_begin == std::string::npos || name_end == std::string::npos || name_end < name_begin)
    return false;
  snapshot.comm = text.substr(name_begin + 2, name_end - name_begin - 2);
  std::string_view rest = std::string_view(text).substr(name_end + 2);
  for (int field = 3; !rest.empty(); ++field) {
    const auto space = rest.find(' ');
    const std::string_view value = rest.substr(0, space);
    if (field == 4) snapshot.parent_pid = parse_number<std::uint32_t>(value).value_or(0);
    if (field == 22) {
      snapshot.start_us = parse_number<std::uint64_t>(value).value_or(0) * kTickUs;
      return true;
    }
    if (space == std::string_view::npos) break;
    rest.remove_prefix(space + 1);
  }
  return false;
}

void read_status(int directory, ProcSnapshot& snapshot) {
  for_each_line(read_file(directory, "status", kMaxFileBytes), [&](std::string_view line) {
    if (line.starts_with("Uid:")) snapshot.uids = parse_ids(line.substr(4));
    if (line.starts_with("Gid:")) snapshot.gids = parse_ids(line.substr(4));
  });
}

void read_args(int directory, ProcSnapshot& snapshot) {
  std::string text = read_file(directory, "cmdline", kMaxCommandLineBytes + 1);
  snapshot.is_args_cut = text.size() > kMaxCommandLineBytes;
  if (snapshot.is_args_cut) text.resize(kMaxCommandLineBytes);
  // A process may have overwritten the last NUL together with its arguments.
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\0');
    snapshot.args.emplace_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
}

/// Lines "0::/path" (unified) and "4:memory:/path".
void read_cgroup(int directory, ProcSnapshot& snapshot) {
  std::string unified;
  std::string memory;
  for_each_line(read_file(directory, "cgroup", kMaxFileBytes), [&](std::string_view line) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) return;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) unified = line.substr(second + 1);
    const bool is_memory = controllers == "memory" || controllers.starts_with("memory,") ||
                           controllers.ends_with(",memory") ||
                           controllers.find(",memory,") != std::string_view::npos;
    if (is_memory) memory = line.substr(second + 1);
  });
  // On hybrid hosts everybody may be in the root of the unified hierarchy.
  snapshot.cgroup = (unified.empty() || unified == "/") && !memory.empty() ? memory : unified;
}

void read_exe(int directory, ProcSnapshot& snapshot) {
  snapshot.exe = read_link(directory, "exe");
  snapshot.is_exe_deleted = snapshot.exe.ends_with(kDeleted);
  if (snapshot.is_exe_deleted) snapshot.exe.resize(snapshot.exe.size() - kDeleted.size());
}

void read_login_uid(int directory, ProcSnapshot& snapshot) {
  const auto login = parse_number<std::uint32_t>(read_file(directory, "loginuid", 64));
  if (login && *login != UINT32_MAX) snapshot.login_uid = login;
}

}  // namespace

Result<ProcSnapshot> read_process(std::uint32_t pid, const std::string& proc_root) {
  const std::string path = proc_root + "/" + std::to_string(pid);
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return fail_errno(errno, "open " + path);
  ProcSnapshot snapshot{.pid = pid};
  const int fd = directory.get();
  if (!read_stat(fd, snapshot)) return fail(Errc::NotFound, path + ": the process has ended");
  read_status(fd, snapshot);
  read_args(fd, snapshot);
  read_cgroup(fd, snapshot);
  read_exe(fd, snapshot);
  read_login_uid(fd, snapshot);
  snapshot.cwd = read_link(fd, "cwd");
  snapshot.root = read_link(fd, "root");
  snapshot.namespaces = {.mnt = read_namespace(fd, "ns/mnt"),
                         .pid = read_namespace(fd, "ns/pid"),
                         .net = read_namespace(fd, "ns/net"),
                         .user = read_namespace(fd, "ns/user"),
                         .uts = read_namespace(fd, "ns/uts"),
                         .ipc = read_namespace(fd, "ns/ipc"),
                         .cgroup = read_namespace(fd, "ns/cgroup")};
  return snapshot;
}

}  // namespace alibi::recorder
