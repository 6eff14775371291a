#include "seal/leaf_log.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>

#include "event/number.hpp"

namespace alibi::seal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = 1U << 20;
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

/// Visits the leaves [from, to) of one file.
class LeafFile {
 public:
  LeafFile(store::Disk& disk, fs::path path, std::uint64_t first)
      : disk_(disk), path_(std::move(path)), first_(first), index_(first) {}

  /// Returns where it ended; `go_on` is cleared when the visitor wants no more.
  /// Errors: NotFound, Io, Corrupt.
  Result<std::uint64_t> visit(std::uint64_t from, std::uint64_t to, bool& go_on,
                              const std::function<bool(std::uint64_t, std::string_view)>& visit) {
    const auto fd = disk_.open(path_, O_RDONLY);
    if (!fd) return std::unexpected(fd.error());
    std::uint64_t offset = 0;
    while (go_on && index_ < to) {
      const std::size_t held = text_.size();
      text_.resize(held + kReadBytes);
      const auto got = disk_.read(fd->get(), std::span(text_).subspan(held), offset);
      if (!got) return during("read " + path_.string(), got.error());
      offset += *got;
      text_.resize(held + *got);
      if (*got == 0) break;
      const auto used = take_lines(from, to, go_on, visit);
      if (!used) return std::unexpected(used.error());
      text_.erase(0, *used);
    }
    return index_;
  }

 private:
  /// Returns how many bytes of `text_` it went through.
  Result<std::size_t> take_lines(
      std::uint64_t from, std::uint64_t to, bool& go_on,
      const std::function<bool(std::uint64_t, std::string_view)>& visit) {
    std::string_view rest = text_;
    while (!rest.empty() && index_ < to && go_on) {
      if (index_ == first_ + kLeavesPerFile)
        return damaged(path_, "more leaves than one file may have");
      const auto line = rest.substr(0, rest.find('\n') + 1);
      if (line.size() > kLeafBytesMax || (line.empty() && rest.size() >= kLeafBytesMax))
        return damaged(path_, "leaf " + std::to_string(index_) + " is longer than 4096 bytes");
      if (line.empty()) break;  // goes on in what is read next, or torn
      if (index_ >= from) go_on = visit(index_, line);
      rest.remove_prefix(line.size());
      ++index_;
    }
    return text_.size() - rest.size();
  }

  store::Disk& disk_;
  fs::path path_;
  std::uint64_t first_;
  std::uint64_t index_;
  std::string text_;
};

}  // namespace

Result<std::uint64_t> for_each_leaf(
    store::Disk& disk, const SealLayout& layout, std::uint64_t from, std::uint64_t to,
    const std::function<bool(std::uint64_t index, std::string_view line)>& visit) {
  std::uint64_t next = from;
  bool go_on = true;
  while (go_on && next < to) {
    const std::uint64_t first = next - next % kLeavesPerFile;
    const auto end = LeafFile(disk, layout.leaves(first), first).visit(next, to, go_on, visit);
    if (!end && end.error().code == Errc::NotFound) return next;
    if (!end) return end;
    next = std::max(next, *end);
    if (*end != first + kLeavesPerFile) return next;
  }
  return next;
}

Result<std::vector<Note>> read_note_set(store::Disk& disk, const fs::path& path) {
  const auto bytes = store::read_file(disk, path, kNotesBytesMax);
  if (!bytes && bytes.error().code == Errc::NotFound) return std::vector<Note>{};
  if (!bytes) return std::unexpected(bytes.error());
  std::size_t used = 0;
  return parse_notes(*bytes, used);
}

Result<std::vector<Note>> read_epoch_notes(store::Disk& disk, const SealLayout& layout) {
  const fs::path directory = layout.epochs(0).parent_path();
  const auto names = list_sets(disk, directory);
  if (!names) return std::unexpected(names.error());
  std::vector<Note> notes;
  for (const std::string& name : *names) {
    auto some = read_note_set(disk, directory / name);
    if (!some) return some;
    std::ranges::move(*some, std::back_inserter(notes));
  }
  return notes;
}

Result<std::vector<std::uint64_t>> list_cosigned(store::Disk& disk, const SealLayout& layout) {
  const auto names = list_sets(disk, layout.cosigned(0).parent_path());
  if (!names) return std::unexpected(names.error());
  std::vector<std::uint64_t> sets;
  for (const std::string& name : *names) {
    const auto digits = std::string_view(name).substr(0, name.find('.'));
    const auto significant =
        digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1));
    if (const auto first = event::parse_number<std::uint64_t>(significant)) sets.push_back(*first);
  }
  return sets;
}

}  // namespace alibi::seal
