#include "witness/history.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

namespace alibi::witness {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAdvice =
    "; a witness that lost its memory must not sign: make a new one with 'alibi witness init' and "
    "give its key to the logs";
constexpr std::uint64_t kLargestFile = 4 * History::kFileBytes;

fs::path file_path(const fs::path& directory, std::uint64_t number) {
  return directory / "history" / fmt::format("{:08}.txt", number);
}

/// What tells a file from a copy of it.
struct Identity {
  std::uint64_t inode = 0;
  std::int64_t birth_ns = 0;
};

Result<Identity> identity_of(const fs::path& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &status) != 0)
    return fail_errno(errno, "stat " + path.string());
  const bool has_birth = (status.stx_mask & STATX_BTIME) != 0;
  return Identity{status.stx_ino, has_birth
                                      ? status.stx_btime.tv_sec * 1'000'000'000 +
                                            static_cast<std::int64_t>(status.stx_btime.tv_nsec)
                                      : 0};
}

Result<std::uint64_t> newest_file(store::Disk& disk, const fs::path& directory) {
  const auto entries = disk.list(directory / "history");
  if (!entries) return std::unexpected(entries.error());
  std::uint64_t newest = 0;
  for (const auto& entry : *entries) {
    std::uint64_t number = 0;
    const auto [end, error] =
        std::from_chars(entry.name.data(), entry.name.data() + entry.name.size(), number);
    if (error == std::errc{} && std::string_view(end) == ".txt") newest = std::max(newest, number);
  }
  if (newest == 0) return fail(Errc::Corrupt, "the history is missing");
  return newest;
}

std::unexpected<Error> refused(const std::string& what) {
  return fail(Errc::Corrupt, what + kAdvice);
}

bool is_cosigned(Outcome outcome) {
  return outcome == Outcome::Accepted || outcome == Outcome::Carried;
}

Result<Latest> told_by(const Entry& entry) {
  const auto note = seal::parse_note(entry.note);
  if (!note) return std::unexpected(note.error());
  auto checkpoint = seal::Checkpoint::from_text(note->text);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  return Latest{std::move(*checkpoint), std::string(entry.note), entry.time_s};
}

}  // namespace

Result<Overview> read_overview(store::Disk& disk, const fs::path& directory) {
  const auto number = newest_file(disk, directory);
  if (!number) return std::unexpected(number.error());
  const auto bytes = store::read_file(disk, file_path(directory, *number), kLargestFile);
  if (!bytes) return std::unexpected(bytes.error());
  Overview overview;
  std::size_t used = 0;
  const auto end = read_history(*bytes, used, [&](const Position&, const Entry* entry) -> Status {
    if (!entry) return {};
    auto told = told_by(*entry);
    if (!told) return std::unexpected(told.error());
    if (is_cosigned(entry->outcome))
      overview.latest[told->checkpoint.origin] = std::move(*told);
    else if (entry->outcome == Outcome::RefusedConsistency)
      ++overview.refused[told->checkpoint.origin];
    return {};
  });
  if (!end) return std::unexpected(end.error());
  return overview;
}

Status History::create(store::Disk& disk, const fs::path& directory, const seal::SigningKey& key) {
  History history(disk, directory, key);
  if (auto done = disk.make_directory(directory / "history"); !done) return done;
  history.position_.file = 0;  // begin_file() makes it 1
  return history.begin_file(0);
}

Result<History> History::open(store::Disk& disk, const fs::path& directory,
                              const seal::SigningKey& key, std::uint64_t file_bytes) {
  const auto text = store::read_file(disk, directory / "state", 4096);
  if (!text) return std::unexpected(text.error());
  const auto state = parse_state(*text, key.verification_key());
  if (!state) return refused((directory / "state").string() + ": " + state.error().message);
  const auto identity = identity_of(file_path(directory, state->position.file));
  if (!identity) return refused(identity.error().message);
  if (identity->inode != state->inode || identity->birth_ns != state->birth_ns) {
    return refused(file_path(directory, state->position.file).string() +
                   " is a copy, not the file that this witness wrote");
  }
  History history(disk, directory, key);
  history.file_bytes_ = file_bytes;
  if (auto done = history.read(*state); !done) return std::unexpected(done.error());
  if (auto done = history.write_state(); !done) return std::unexpected(done.error());
  return history;
}

Status History::read(const State& mark) {
  const auto number = newest_file(*disk_, directory_);
  if (!number) return refused(number.error().message);
  const fs::path path = file_path(directory_, *number);
  const auto bytes = store::read_file(*disk_, path, kLargestFile);
  if (!bytes) return std::unexpected(bytes.error());
  bool has_met_mark = false;
  std::size_t beyond_mark = 0;
  std::size_t used = 0;
  const auto end = read_history(*bytes, used, [&](const Position& at, const Entry* entry) {
    if (has_met_mark && entry && entry->outcome != Outcome::Carried) ++beyond_mark;
    if (at.entries == mark.position.entries) has_met_mark = at.chain == mark.position.chain;
    return entry ? take(*entry) : Status{};
  });
  if (!end) return refused(path.string() + ": " + end.error().message);
  if (end->file != *number || !has_met_mark)
    return refused(path.string() + " ends before the state of this witness, or differs from it");
  // One is what a crash between history and state leaves.
  if (beyond_mark > 1) return refused("the state is older than the history");
  position_ = *end;
  return continue_file(path, used, used < bytes->size());
}

Status History::take(const Entry& entry) {
  auto told = told_by(entry);
  if (!told) return std::unexpected(told.error());
  if (is_cosigned(entry.outcome)) {
    latest_[told->checkpoint.origin] = std::move(*told);
  } else {
    refused_[told->checkpoint.origin].insert(seal::sha256(told->checkpoint.to_text()).to_hex());
  }
  return {};
}

Status History::continue_file(const fs::path& path, std::size_t used, bool is_torn) {
  auto fd = disk_->open(path, O_WRONLY | O_APPEND);
  if (!fd) return std::unexpected(fd.error());
  // A torn entry was never answered.
  if (is_torn) {
    if (auto done = disk_->truncate(fd->get(), used); !done) return done;
  }
  if (auto done = disk_->sync_data(fd->get()); !done) return done;
  fd_ = std::move(*fd);
  bytes_ = used;
  return {};
}

Status History::accept(const seal::Checkpoint& checkpoint, const seal::Note& note,
                       std::uint64_t time_s) {
  const std::string text = note.to_text();
  if (auto done = append({Outcome::Accepted, time_s, text}); !done) return done;
  latest_[checkpoint.origin] = {checkpoint, text, time_s};
  return {};
}

Status History::refuse(Outcome outcome, const seal::Checkpoint& checkpoint, const seal::Note& note,
                       std::uint64_t time_s) {
  const auto latest = latest_.find(checkpoint.origin);
  const bool is_known = latest != latest_.end() && latest->second.checkpoint.to_text() == note.text;
  auto& told = refused_[checkpoint.origin];
  if (is_known || told.size() >= kRefusedMax) return {};
  if (!told.insert(seal::sha256(note.text).to_hex()).second) return {};
  return append({outcome, time_s, note.to_text()});
}

Status History::append(const Entry& entry) {
  if (is_broken_)
    return fail(Errc::Io, "the history could not be written before; start the witness again");
  is_broken_ = true;  // until all of it is on the disk
  if (bytes_ >= file_bytes_) {
    if (auto done = begin_file(entry.time_s); !done) return done;
  }
  const std::string text = print_entry(position_, entry);
  if (auto done = store::write_all(*disk_, fd_.get(), text); !done) return done;
  if (auto done = disk_->sync_data(fd_.get()); !done) return done;
  bytes_ += text.size();
  if (auto done = write_state(); !done) return done;
  is_broken_ = false;
  return {};
}

/// Whole when it appears, so that it never begins with half of what is carried.
Status History::begin_file(std::uint64_t time_s) {
  ++position_.file;
  std::string text = print_head(position_);
  for (const auto& [origin, latest] : latest_)
    text += print_entry(position_, {Outcome::Carried, time_s, latest.note});
  const fs::path path = file_path(directory_, position_.file);
  if (auto done = store::write_file(*disk_, path, text); !done) return done;
  if (auto done = disk_->sync_directory(directory_ / "history"); !done) return done;
  auto fd = disk_->open(path, O_WRONLY | O_APPEND);
  if (!fd) return std::unexpected(fd.error());
  fd_ = std::move(*fd);
  bytes_ = text.size();
  return write_state();
}

Status History::write_state() {
  const auto identity = identity_of(file_path(directory_, position_.file));
  if (!identity) return std::unexpected(identity.error());
  const State state{position_, identity->inode, identity->birth_ns};
  if (auto done = store::write_file(*disk_, directory_ / "state", print_state(state, *key_)); !done)
    return done;
  return disk_->sync_directory(directory_);
}

}  // namespace alibi::witness
