#include "recorder/package_index.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <numeric>
#include <unordered_map>

#include "base/unique_fd.hpp"

namespace alibi::recorder {
namespace {

constexpr std::size_t kMaxPackages = 65535;  // what an owner number can tell apart
constexpr std::size_t kMaxLineBytes = 65536;

std::uint64_t hash_of(std::string_view path) { return std::hash<std::string_view>{}(path); }

/// Calls `take` with each line of a file; false stops. A line longer than
/// kMaxLineBytes ends the reading.
template <typename Take>
void for_each_line(const std::string& file, Take take) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return;
  std::vector<char> buffer(kMaxLineBytes);
  std::size_t kept = 0;
  while (true) {
    const ssize_t size = ::read(fd.get(), buffer.data() + kept, buffer.size() - kept);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    std::string_view text(buffer.data(), kept + static_cast<std::size_t>(size));
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      if (!take(text.substr(0, end))) return;
      text.remove_prefix(end + 1);
    }
    if (text.size() == buffer.size()) return;
    kept = text.size();
    std::copy(text.begin(), text.end(), buffer.begin());
  }
  if (kept > 0) take(std::string_view(buffer.data(), kept));
}

bool is_symlink_to(const char* path, std::string_view target) {
  std::array<char, 64> text{};
  const ssize_t size = ::readlink(path, text.data(), text.size());
  return size >= 0 && std::string_view(text.data(), static_cast<std::size_t>(size)) == target;
}

/// The other spelling of a path on a merged /usr; empty: there is none.
std::string other_spelling(std::string_view path) {
  static constexpr std::array<std::string_view, 6> kMerged{"/bin/",   "/sbin/",  "/lib/",
                                                           "/lib32/", "/lib64/", "/libx32/"};
  const auto begins = [](std::string_view text) {
    return std::ranges::any_of(kMerged,
                               [&](std::string_view top) { return text.starts_with(top); });
  };
  if (begins(path)) return "/usr" + std::string(path);
  if (path.starts_with("/usr/") && begins(path.substr(4))) return std::string(path.substr(4));
  return {};
}

/// One paragraph of the status file, as far as we need it.
struct StatusParagraph {
  std::string package, architecture, version;
};

bool take_field(std::string_view line, std::string_view name, std::string& to) {
  if (!line.starts_with(name)) return false;
  to = line.substr(name.size());
  return true;
}

}  // namespace

std::size_t PackageIndex::memory_bytes() const {
  std::size_t bytes =
      hashes_.capacity() * sizeof(std::uint64_t) + owners_.capacity() * sizeof(std::uint16_t);
  for (const Package& package : packages_) {
    bytes += sizeof package + package.name.capacity() + package.version.capacity();
  }
  return bytes;
}

PackageIndex::Stamp PackageIndex::read_stamp() const {
  struct stat status {};
  if (::stat((database_ + "/status").c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
          status.st_size};
}

std::optional<PackageOwner> PackageIndex::find_owner(std::string_view path) {
  const Stamp stamp = read_stamp();
  if (!is_loaded_ || stamp != stamp_) {
    stamp_ = stamp;
    load();
  }
  if (auto owner = find_listed(path)) return owner;
  const std::string other = is_usr_merged_ ? other_spelling(path) : std::string{};
  return other.empty() ? std::nullopt : find_listed(other);
}

void PackageIndex::load() {
  is_loaded_ = true;
  is_incomplete_ = false;
  is_usr_merged_ = is_symlink_to("/bin", "usr/bin");
  packages_.clear();
  diversions_.clear();
  hashes_.clear();
  owners_.clear();
  load_lists();
  load_versions();
  load_diversions();
  sort_by_hash();
}

void PackageIndex::load_lists() {
  const std::string info = database_ + "/info";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(info.c_str()), &::closedir);
  if (!directory) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::string_view name = entry->d_name;
    if (!name.ends_with(".list")) continue;
    is_incomplete_ = is_incomplete_ || packages_.size() >= kMaxPackages;
    if (is_incomplete_) return;
    name.remove_suffix(5);
    const auto number = static_cast<std::uint16_t>(packages_.size());
    packages_.push_back({std::string(name), {}});
    for_each_line(info + "/" + entry->d_name, [&](std::string_view path) {
      is_incomplete_ = hashes_.size() >= kMaxPaths;
      if (is_incomplete_) return false;
      hashes_.push_back(hash_of(path));
      owners_.push_back(number);
      return true;
    });
  }
}

void PackageIndex::load_versions() {
  std::unordered_map<std::string_view, Package*> by_name;
  for (Package& package : packages_)
    by_name[package.name] = &package;
  StatusParagraph paragraph;
  const auto finish = [&] {
    // A list is named after the package, or package:architecture where several
    // architectures of it can be installed side by side.
    for (const std::string& name :
         {paragraph.package, paragraph.package + ":" + paragraph.architecture}) {
      const auto found = by_name.find(name);
      if (found != by_name.end()) found->second->version = paragraph.version;
    }
    paragraph = {};
  };
  for_each_line(database_ + "/status", [&](std::string_view line) {
    if (line.empty()) {
      finish();
    } else if (!take_field(line, "Package: ", paragraph.package) &&
               !take_field(line, "Architecture: ", paragraph.architecture)) {
      take_field(line, "Version: ", paragraph.version);
    }
    return true;
  });
  finish();
}

void PackageIndex::load_diversions() {
  std::vector<std::string> lines;  // three lines each: from, to, package
  for_each_line(database_ + "/diversions", [&](std::string_view line) {
    lines.emplace_back(line);
    return lines.size() < 3 * 65536;
  });
  for (std::size_t i = 0; i + 2 < lines.size(); i += 3) {
    diversions_.push_back({lines[i], lines[i + 1], lines[i + 2]});
  }
}

void PackageIndex::sort_by_hash() {
  std::vector<std::uint32_t> order(hashes_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [&](std::uint32_t i) { return hashes_[i]; });
  std::vector<std::uint64_t> hashes(order.size());
  std::vector<std::uint16_t> owners(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    hashes[i] = hashes_[order[i]];
    owners[i] = owners_[order[i]];
  }
  hashes_ = std::move(hashes);
  owners_ = std::move(owners);
}

std::vector<std::uint16_t> PackageIndex::owners_of(std::string_view path) const {
  std::vector<std::uint16_t> found;
  const auto [first, last] = std::ranges::equal_range(hashes_, hash_of(path));
  for (auto at = first; at != last; ++at) {
    const std::uint16_t owner = owners_[static_cast<std::size_t>(at - hashes_.begin())];
    if (is_in_list(packages_[owner], path)) found.push_back(owner);
  }
  return found;
}

bool PackageIndex::is_in_list(const Package& package, std::string_view path) const {
  bool is_listed = false;
  for_each_line(database_ + "/info/" + package.name + ".list", [&](std::string_view line) {
    is_listed = line == path;
    return !is_listed;
  });
  return is_listed;
}

std::optional<PackageOwner> PackageIndex::find_listed(std::string_view path) const {
  const auto is_named = [](std::string_view stem, std::string_view package) {
    return stem.substr(0, stem.find(':')) == package;
  };
  const auto moved_here = std::ranges::find(diversions_, path, &Diversion::to);
  const auto moved_away = std::ranges::find(diversions_, path, &Diversion::from);
  const std::string_view listed =
      moved_here != diversions_.end() ? std::string_view(moved_here->from) : path;
  for (const std::uint16_t number : owners_of(listed)) {
    const Package& package = packages_[number];
    // What was moved here belongs to anybody but the one who had it moved; what
    // now stands in its old place belongs to that one.
    if (moved_here != diversions_.end() && is_named(package.name, moved_here->package)) continue;
    if (moved_here == diversions_.end() && moved_away != diversions_.end() &&
        !is_named(package.name, moved_away->package)) {
      continue;
    }
    return PackageOwner{package.name, package.version};
  }
  return std::nullopt;
}

}  // namespace alibi::recorder
