#include "recorder/user_names.hpp"

#include <sys/stat.h>

#include <charconv>
#include <fstream>
#include <string_view>

namespace alibi::recorder {
namespace {

constexpr std::uint64_t kLookEveryNs = 1'000'000'000;
constexpr std::size_t kMaxUsers = 65536;
constexpr std::size_t kMaxNameBytes = 256;

}  // namespace

std::string UserNames::name(std::uint32_t uid, BootNs now) {
  if (now >= next_look_) {
    next_look_ = BootNs{now.ns + kLookEveryNs};
    refresh();
  }
  const auto known = names_.find(uid);
  return known != names_.end() ? known->second : std::to_string(uid);
}

void UserNames::refresh() {
  struct stat status {};
  Stamp stamp;
  if (::stat(file_.c_str(), &status) == 0) {
    stamp = {status.st_ino, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
             status.st_size};
  }
  if (stamp == stamp_) return;
  stamp_ = stamp;
  load();
}

void UserNames::load() {
  names_.clear();
  std::ifstream file(file_);
  std::string line;
  while (names_.size() < kMaxUsers && std::getline(file, line)) {
    // name:password:uid:...
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || first == 0 || first > kMaxNameBytes) continue;
    std::uint32_t uid = 0;
    const char* const end = line.data() + line.size();
    const auto parsed = std::from_chars(line.data() + second + 1, end, uid);
    if (parsed.ec != std::errc{} || parsed.ptr == end || *parsed.ptr != ':') continue;
    names_.try_emplace(uid, line.substr(0, first));
  }
}

}  // namespace alibi::recorder
