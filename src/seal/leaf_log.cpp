#include "seal/leaf_log.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace alibi::seal {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLeavesBytesMax = kLeavesPerFile * kLeafBytesMax;
constexpr std::uint64_t kNotesBytesMax = 256ULL << 20;

/// The files of notes in a directory, in order; other names are passed over.
Result<std::vector<std::string>> list_sets(store::Disk& disk, const fs::path& directory) {
  constexpr std::size_t kDigits = 20;
  const auto entries = disk.list(directory);
  if (!entries && entries.error().code == Errc::NotFound) return std::vector<std::string>{};
  if (!entries) return std::unexpected(entries.error());
  std::vector<std::string> names;
  for (const auto& entry : *entries) {
    if (entry.name.size() == kDigits + 4 && entry.name.ends_with(".txt") &&
        entry.name.find_first_not_of("0123456789") == kDigits)
      names.push_back(entry.name);
  }
  std::ranges::sort(names);
  return names;
}

std::unexpected<Error> damaged(const fs::path& file, std::string_view what) {
  return fail(Errc::Corrupt, file.string() + ": " + std::string(what));
}

/// Visits the leaves [from, to) of one file. Returns where it ended; `go_on` is
/// cleared when the visitor wants no more.
Result<std::uint64_t> visit_file(
    const fs::path& path, std::string_view bytes, std::uint64_t first, std::uint64_t from,
    std::uint64_t to, bool& go_on,
    const std::function<bool(std::uint64_t, std::string_view)>& visit) {
  std::uint64_t index = first;
  while (!bytes.empty() && index < to) {
    if (index == first + kLeavesPerFile) return damaged(path, "more leaves than one file may have");
    const auto line = bytes.substr(0, bytes.find('\n') + 1);
    if (line.size() > kLeafBytesMax || (line.empty() && bytes.size() >= kLeafBytesMax))
      return damaged(path, "leaf " + std::to_string(index) + " is longer than 4096 bytes");
    if (line.empty()) break;  // torn
    if (index >= from && !visit(index, line)) {
      go_on = false;
      return index + 1;
    }
    bytes.remove_prefix(line.size());
    ++index;
  }
  return index;
}

Result<std::vector<Note>> read_notes(store::Disk& disk, const fs::path& directory) {
  const auto names = list_sets(disk, directory);
  if (!names) return std::unexpected(names.error());
  std::vector<Note> notes;
  for (const std::string& name : *names) {
    const auto bytes = store::read_file(disk, directory / name, kNotesBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    std::size_t used = 0;
    auto some = parse_notes(*bytes, used);
    std::ranges::move(some, std::back_inserter(notes));
  }
  return notes;
}

}  // namespace

Result<std::uint64_t> for_each_leaf(
    store::Disk& disk, const SealLayout& layout, std::uint64_t from, std::uint64_t to,
    const std::function<bool(std::uint64_t index, std::string_view line)>& visit) {
  std::uint64_t next = from;
  bool go_on = true;
  while (go_on && next < to) {
    const std::uint64_t first = next - next % kLeavesPerFile;
    const fs::path path = layout.leaves(first);
    const auto bytes = store::read_file(disk, path, kLeavesBytesMax);
    if (!bytes && bytes.error().code == Errc::NotFound) return next;
    if (!bytes) return std::unexpected(bytes.error());
    const auto end = visit_file(path, *bytes, first, next, to, go_on, visit);
    if (!end) return end;
    next = std::max(next, *end);
    if (*end != first + kLeavesPerFile) return next;
  }
  return next;
}

Result<std::vector<Note>> read_epoch_notes(store::Disk& disk, const SealLayout& layout) {
  return read_notes(disk, layout.epochs(0).parent_path());
}

Result<std::vector<Note>> read_cosigned_notes(store::Disk& disk, const SealLayout& layout) {
  return read_notes(disk, layout.cosigned(0).parent_path());
}

}  // namespace alibi::seal
