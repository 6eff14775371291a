#include "query/images.hpp"

#include <string_view>

namespace alibi::query {
namespace {

std::string_view find_pair(const event::Extra& extra, std::string_view key) {
  for (const auto& [name, value] : extra) {
    if (name == key) return value;
  }
  return {};
}

bool differ(std::string_view a, std::string_view b) { return !a.empty() && !b.empty() && a != b; }

bool is_other_file(const event::Record& image, const event::Extra& exec_extra) {
  return differ(image.find_extra("dev"), find_pair(exec_extra, "dev")) ||
         differ(image.find_extra("ino"), find_pair(exec_extra, "ino"));
}

}  // namespace

Status Images::load(const std::string& path) {
  const auto [place, is_new] = by_path_.try_emplace(path);
  if (!is_new) return {};
  auto& entries = place->second;
  return reader_.scan({.all_of = {"kind:image", "name:" + path}}, store::Order::OldestFirst,
                      [&](const store::BootRecord& entry) {
                        if (entry.record.kind == event::Kind::Image && entry.record.name == path) {
                          entries.push_back({*entry.boot_id, entry.record});
                        }
                        return store::LogReader::Go::On;
                      });
}

void Images::describe(Process& process, const event::Extra& exec_extra, BootNs since) const {
  const auto found = by_path_.find(process.exe);
  if (found == by_path_.end()) return;
  const WallNs since_wall{process.start.ns + static_cast<std::int64_t>(since.ns) -
                          static_cast<std::int64_t>(process.key.start_us * 1000)};
  const event::Record* before = nullptr;
  const event::Record* after = nullptr;
  const event::Record* own = nullptr;
  for (const auto& [boot_id, record] : found->second) {
    if (record.find_extra("sha256").empty() || is_other_file(record, exec_extra)) continue;
    const bool is_same_boot = boot_id == process.boot_id;
    if (is_same_boot && record.process == process.key) own = &record;
    if (is_same_boot ? record.boot <= since : record.time <= since_wall) {
      before = &record;
    } else if (is_same_boot && !after) {
      after = &record;
    }
  }
  const event::Record* image = own ? own : before ? before : after;
  if (!image) return;
  process.sha256 = image->find_extra("sha256");
  process.package = image->find_extra("package");
  process.package_version = image->find_extra("version");
}

}  // namespace alibi::query
