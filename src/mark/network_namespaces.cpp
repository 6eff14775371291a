#include "mark/network_namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "base/check.hpp"

namespace alibi::mark {
namespace fs = std::filesystem;
namespace {

constexpr const char* kOwn = "/proc/thread-self/ns/net";

Result<NetworkNamespace> open_namespace(const fs::path& path) {
  NetworkNamespace found{.descriptor = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC))};
  struct stat status {};
  if (!found.descriptor.is_open() || ::fstat(found.descriptor.get(), &status) != 0)
    return fail_errno(errno, "open " + path.string());
  found.inode = static_cast<std::uint32_t>(status.st_ino);
  return found;
}

/// Whether it is a namespace, and of this kind: setns() would tell too late.
bool is_network_namespace(const fs::path& path) {
  struct stat own {};
  struct stat other {};
  return ::stat(kOwn, &own) == 0 && ::stat(path.c_str(), &other) == 0 && own.st_dev == other.st_dev;
}

bool is_number(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

std::vector<fs::path> candidates() {
  std::vector<fs::path> paths;
  std::error_code ignored;
  for (const char* directory : {"/run/netns", "/run/docker/netns"})
    for (const auto& entry : fs::directory_iterator(directory, ignored))
      paths.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator("/proc", ignored))
    if (is_number(entry.path().filename())) paths.push_back(entry.path() / "ns/net");
  return paths;
}

}  // namespace

Result<NetworkNamespace> current_namespace() { return open_namespace(kOwn); }

Result<std::vector<NetworkNamespace>> all_namespaces() {
  auto own = current_namespace();
  if (!own) return std::unexpected(own.error());
  std::set<std::uint32_t> seen{own->inode};
  std::vector<NetworkNamespace> all;
  all.push_back(std::move(*own));
  for (const fs::path& path : candidates()) {
    struct stat status {};
    if (!is_network_namespace(path) || ::stat(path.c_str(), &status) != 0) continue;
    if (!seen.insert(static_cast<std::uint32_t>(status.st_ino)).second) continue;
    auto found = open_namespace(path);  // it may end meanwhile
    if (found && found->inode == static_cast<std::uint32_t>(status.st_ino))
      all.push_back(std::move(*found));
  }
  return all;
}

Status inside(const NetworkNamespace& there, const std::function<Status()>& work) {
  const auto own = current_namespace();
  if (!own) return std::unexpected(own.error());
  if (own->inode == there.inode) return work();
  if (::setns(there.descriptor.get(), CLONE_NEWNET) != 0)
    return fail_errno(errno, "enter a network namespace");
  Status done = work();
  ALIBI_CHECK(::setns(own->descriptor.get(), CLONE_NEWNET) == 0);
  return done;
}

}  // namespace alibi::mark
