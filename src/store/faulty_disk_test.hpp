#pragma once
// Disks that fail, for the tests of this folder. Both act on real files.

#include <fcntl.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "store/disk.hpp"

namespace alibi::store {

/// Passes every call on, and asks `before_call` first: an errno fails the call.
/// Calls of other threads than the one that made it pass unasked.
class HookedDisk : public Disk {
 public:
  std::function<int(std::string_view call)> before_call;

  Result<UniqueFd> open(const Path& path, int flags) override {
    if (const int failure = ask("open")) return fail_errno(failure, "open " + path.string());
    auto fd = real_disk().open(path, flags);
    if (fd) opened(fd->get(), path, flags);
    return fd;
  }
  Result<std::size_t> write(int fd, std::string_view bytes) override {
    if (const int failure = ask("write")) {
      // What a full disk does: part of it fits.
      if (bytes.size() > 1 && failure == ENOSPC && !std::exchange(is_short_, true)) {
        return real_disk().write(fd, bytes.substr(0, bytes.size() / 2));
      }
      return fail_errno(failure, "write");
    }
    is_short_ = false;
    return real_disk().write(fd, bytes);
  }
  Result<std::size_t> read(int fd, std::span<char> to, std::uint64_t offset) override {
    if (const int failure = ask("read")) return fail_errno(failure, "read");
    return real_disk().read(fd, to, offset);
  }
  Result<std::uint64_t> size(int fd) override {
    if (const int failure = ask("size")) return fail_errno(failure, "size");
    return real_disk().size(fd);
  }
  Status truncate(int fd, std::uint64_t bytes) override {
    if (const int failure = ask("truncate")) return fail_errno(failure, "truncate");
    return real_disk().truncate(fd, bytes);
  }
  Status allocate(int fd, std::uint64_t bytes) override {
    if (const int failure = ask("allocate")) return fail_errno(failure, "allocate");
    return real_disk().allocate(fd, bytes);
  }
  Status sync_data(int fd) override {
    if (const int failure = ask("sync_data")) return fail_errno(failure, "sync_data");
    auto done = real_disk().sync_data(fd);
    if (done) synced(fd);
    return done;
  }
  Status sync_directory(const Path& path) override {
    if (const int failure = ask("sync_directory")) return fail_errno(failure, "sync_directory");
    names_synced();
    return real_disk().sync_directory(path);
  }
  Status rename(const Path& from, const Path& to) override {
    if (const int failure = ask("rename")) return fail_errno(failure, "rename");
    renamed(from, to);
    return real_disk().rename(from, to);
  }
  Status remove(const Path& path) override {
    if (const int failure = ask("remove")) return fail_errno(failure, "remove");
    return real_disk().remove(path);
  }
  Status make_directory(const Path& path) override {
    if (const int failure = ask("make_directory")) return fail_errno(failure, "make_directory");
    return real_disk().make_directory(path);
  }
  Result<std::vector<Entry>> list(const Path& path) override {
    if (const int failure = ask("list")) return fail_errno(failure, "list");
    return real_disk().list(path);
  }

 protected:
  virtual void opened(int, const Path&, int) {}
  virtual void synced(int) {}
  virtual void names_synced() {}
  virtual void renamed(const Path&, const Path&) {}

 private:
  int ask(std::string_view call) {
    return before_call && std::this_thread::get_id() == owner_ ? before_call(call) : 0;
  }
  std::thread::id owner_ = std::this_thread::get_id();
  bool is_short_ = false;
};

/// Remembers what was synced, so that a power cut can be played.
class PowerCutDisk final : public HookedDisk {
 public:
  /// What the files would be after a power cut now. Lost bytes are gone or, as
  /// some file systems leave them, zeros.
  enum class Lost { Gone, Zeros };
  void cut_power(Lost lost) {
    for (const auto& [to, from, replaced] : unsynced_renames_) {
      std::error_code missing;
      std::filesystem::rename(to, from, missing);
      if (files_.contains(to)) files_[from] = files_[to];
      if (!replaced) continue;
      std::ofstream(to, std::ios::binary) << *replaced;
      files_[to] = {replaced->size(), true};
    }
    for (const auto& [path, state] : files_) {
      std::error_code missing;
      const auto size = std::filesystem::file_size(path, missing);
      if (missing) continue;
      if (!state.has_name) {
        std::filesystem::remove(path);
        continue;
      }
      if (size <= state.synced_bytes) continue;
      std::filesystem::resize_file(path, state.synced_bytes);
      if (lost == Lost::Zeros) std::filesystem::resize_file(path, size);
    }
  }

 private:
  struct State {
    std::uint64_t synced_bytes = 0;
    bool has_name = true;  ///< its directory was synced since it was created
  };

  void opened(int fd, const Path& path, int flags) override {
    paths_[fd] = path.string();
    if ((flags & O_ACCMODE) == O_RDONLY) return;
    const bool is_new = (flags & O_TRUNC) != 0 || !files_.contains(path.string());
    if (!is_new) return;
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    files_[path.string()] = {size, (flags & O_CREAT) == 0 || size > 0};
  }
  void synced(int fd) override {
    State& state = files_[paths_[fd]];
    state.synced_bytes = real_disk().size(fd).value();
    state.has_name = true;  // ext4, xfs and btrfs persist the name of a new file with its fsync
  }
  void names_synced() override {
    unsynced_renames_.clear();
    for (auto& [path, state] : files_)
      state.has_name = true;
  }
  void renamed(const Path& from, const Path& to) override {
    std::optional<std::string> replaced;
    if (std::ifstream old(to, std::ios::binary); old)
      replaced.emplace(std::istreambuf_iterator<char>(old), std::istreambuf_iterator<char>());
    files_[to.string()] = files_[from.string()];
    files_.erase(from.string());
    for (auto& [fd, path] : paths_) {
      if (path == from.string()) path = to.string();
    }
    unsynced_renames_.insert(unsynced_renames_.begin(), {to.string(), from.string(), replaced});
  }

  std::map<std::string, State> files_;
  std::map<int, std::string> paths_;
  struct Rename {
    std::string to;
    std::string from;
    std::optional<std::string> replaced;  ///< what had the name before
  };
  std::vector<Rename> unsynced_renames_;  ///< latest first
};

}  // namespace alibi::store
