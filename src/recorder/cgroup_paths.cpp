#include "recorder/cgroup_paths.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <cstring>
#include <vector>

namespace alibi::recorder {
namespace {

constexpr std::size_t kMaxEntries = 16384;
constexpr std::size_t kMaxMountinfoBytes = 16U << 20;
constexpr int kKernfsHandle = 0xfe;  // FILEID_KERNFS, include/linux/exportfs.h (Linux 5.5)

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape_mount(std::string_view text) {
  std::string plain;
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::all_of(&text[i + 1], &text[i + 3] + 1, is_octal)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

Result<std::string> read_mountinfo() {
  const UniqueFd fd(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return fail_errno(errno, "open /proc/self/mountinfo");
  std::string text;
  std::array<char, 16384> part{};
  while (text.size() < kMaxMountinfoBytes) {
    const ssize_t size = ::read(fd.get(), part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno(errno, "read /proc/self/mountinfo");
    if (size == 0) break;
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace

std::optional<CgroupMount> find_cgroup_mount(std::string_view mountinfo,
                                             std::string_view controller) {
  // 36 35 98:0 /root /mount/point options optional... - type source super,options
  for (const std::string_view line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    const auto dash = std::ranges::find(fields, std::string_view("-"));
    if (fields.size() < 7 || fields.end() - dash < 4 || dash - fields.begin() < 6) continue;
    const std::string_view type = dash[1];
    const auto options = split(dash[3], ',');
    const bool is_it =
        controller.empty()
            ? type == "cgroup2"
            : type == "cgroup" && std::ranges::find(options, controller) != options.end();
    if (is_it) return CgroupMount{unescape_mount(fields[4]), unescape_mount(fields[3])};
  }
  return std::nullopt;
}

Result<CgroupPaths> CgroupPaths::open(std::string_view controller) {
  auto mountinfo = read_mountinfo();
  if (!mountinfo) return std::unexpected(std::move(mountinfo.error()));
  auto mount = find_cgroup_mount(*mountinfo, controller);
  if (!mount) {
    return fail(Errc::NotFound, controller.empty() ? "no cgroup2 file system is mounted"
                                                   : "no cgroup hierarchy with " +
                                                         std::string(controller) + " is mounted");
  }
  UniqueFd directory(::open(mount->directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return fail_errno(errno, "open " + mount->directory);
  return CgroupPaths(std::move(*mount), std::move(directory));
}

std::string CgroupPaths::path(std::uint64_t id) {
  if (const auto known = by_id_.find(id); known != by_id_.end()) {
    entries_.splice(entries_.end(), entries_, known->second);
    return known->second->path;
  }
  const std::string found = look_up(id);
  remember(id, found);  // also that there is none: ids do not come back
  return found;
}

std::string CgroupPaths::look_up(std::uint64_t id) const {
  alignas(::file_handle) std::array<std::byte, sizeof(::file_handle) + sizeof id> bytes{};
  auto* handle = reinterpret_cast<::file_handle*>(bytes.data());
  handle->handle_bytes = sizeof id;
  handle->handle_type = kKernfsHandle;
  std::memcpy(bytes.data() + sizeof(::file_handle), &id, sizeof id);
  const UniqueFd group(::open_by_handle_at(directory_.get(), handle, O_PATH | O_CLOEXEC));
  if (!group.is_open()) return {};
  const std::string link = "/proc/self/fd/" + std::to_string(group.get());
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  if (size <= 0) return {};
  std::string_view full(target.data(), static_cast<std::size_t>(size));
  if (!full.starts_with(mount_.directory)) return {};
  full.remove_prefix(mount_.directory.size());
  std::string path = mount_.root == "/" ? "" : mount_.root;
  path += full;
  return path.empty() ? "/" : path;
}

void CgroupPaths::remember(std::uint64_t id, std::string_view path) {
  if (const auto known = by_id_.find(id); known != by_id_.end()) {
    known->second->path = path;
    entries_.splice(entries_.end(), entries_, known->second);
    return;
  }
  if (entries_.size() >= kMaxEntries) {
    by_id_.erase(entries_.front().id);
    entries_.pop_front();
  }
  by_id_[id] = entries_.insert(entries_.end(), Entry{id, std::string(path)});
}

}  // namespace alibi::recorder
