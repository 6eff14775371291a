#include "notify/outbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace alibi::notify {
namespace fs = std::filesystem;

Result<Outbox> Outbox::open(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail_errno(error.value(), "make " + directory.string());
  fs::permissions(directory, fs::perms::owner_all, error);
  return Outbox(directory);
}

Status Outbox::write(const fs::path& file, const Message& message) const {
  const std::string text = to_json(message);
  const std::string temporary = file.string() + ".tmp";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.is_open()) return fail_errno(errno, "write " + temporary);
  const bool is_written =
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!is_written || ::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), file.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return fail_errno(error, "write " + temporary);
  }
  const UniqueFd directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  (void)::fsync(directory.get());
  return {};
}

Status Outbox::put(Message message) {
  static std::atomic<unsigned> number = 0;
  message.id = fmt::format("{:020}.{}.{}", wall_now().ns, ::getpid(), number++);
  return write(directory_ / (message.id + ".json"), message);
}

std::vector<Outbox::Entry> Outbox::list() const {
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() != ".json") continue;
    std::ifstream file(it->path());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    auto message = parse_message(text);
    if (message) {
      entries.push_back({it->path(), std::move(*message)});
    } else {
      std::error_code ignored;
      fs::rename(it->path(), it->path().string() + ".bad", ignored);
    }
  }
  std::ranges::sort(entries, {}, &Entry::file);
  return entries;
}

Status Outbox::rewrite(const Entry& entry) { return write(entry.file, entry.message); }

void Outbox::remove(const Entry& entry) {
  std::error_code ignored;
  fs::remove(entry.file, ignored);
}

}  // namespace alibi::notify
