#include "store/inbox.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>

#include "event/csv.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/memory_directory.hpp"

namespace alibi::store {
namespace {

constexpr std::string_view kSuffix = ".record";
constexpr std::uint64_t kMaxLetterBytes = 64 << 10;

std::string current_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

Status leave_in_inbox(const std::filesystem::path& log_directory, event::Record record) {
  static std::atomic<unsigned> count = 0;
  Disk& disk = real_disk();
  const Layout layout = Layout::of(log_directory);
  if (auto done = require_memory(layout); !done) return done;
  for (const auto& directory : {log_directory, layout.inbox()})
    if (auto made = disk.make_directory(directory); !made) return made;
  if (record.boot.ns == 0) record.boot = boot_now();
  if (record.time.ns == 0) record.time = wall_now();
  const std::string name = fmt::format("{:020}-{}-{}", record.time.ns, ::getpid(), count++);
  record.extra.emplace_back("letter", name);
  record.extra.emplace_back("left_at", event::to_text(record.time));
  record.extra.emplace_back("boot", current_boot_id());
  std::string line;
  event::append_csv(line, record);
  return write_file(disk, layout.inbox() / (name + std::string(kSuffix)), line);
}

Inbox::Inbox(const std::filesystem::path& log_directory, std::string boot_id)
    : directory_(Layout::of(log_directory).inbox()), boot_id_(std::move(boot_id)) {}

std::vector<event::Record> Inbox::take_new() {
  std::vector<event::Record> records;
  Disk& disk = real_disk();
  const auto entries = disk.list(directory_);
  if (!entries) return records;
  std::vector<std::string> names;
  for (const auto& entry : *entries)
    if (entry.name.ends_with(kSuffix) && !known_.contains(entry.name)) names.push_back(entry.name);
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const auto bytes = read_file(disk, directory_ / name, kMaxLetterBytes);
    auto record = bytes && bytes->ends_with('\n')
                      ? event::parse_csv(std::string_view(*bytes).substr(0, bytes->size() - 1))
                      : fail(Errc::Corrupt, "no line");
    if (!record) {
      (void)disk.rename(directory_ / name, directory_ / (name + ".bad"));
      continue;
    }
    if (record->find_extra("boot") != boot_id_) record->boot = BootNs{};
    std::erase_if(record->extra, [](const auto& entry) { return entry.first == "boot"; });
    records.push_back(std::move(*record));
    taken_.emplace_back(boot_now(), name);
    known_.insert(name);
  }
  return records;
}

void Inbox::forget_taken(std::chrono::nanoseconds age) {
  const BootNs now = boot_now();
  const auto old = [&](const auto& taken) {
    return taken.first.ns + static_cast<std::uint64_t>(age.count()) <= now.ns;
  };
  const auto end = std::ranges::find_if_not(taken_, old);
  for (auto at = taken_.begin(); at != end; ++at) {
    // One that cannot be removed stays known, so that it is not told again.
    if (real_disk().remove(directory_ / at->second)) known_.erase(at->second);
  }
  taken_.erase(taken_.begin(), end);
}

}  // namespace alibi::store
