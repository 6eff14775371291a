#pragma once
// Messages that wait on disk: one file each, written whole and durable before
// put() returns, removed when delivered. A crash in between delivers a message
// again, with the same id. Thread: any; one process (the log's lock sees to it).

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "notify/message.hpp"

namespace alibi::notify {

class Outbox {
 public:
  /// Makes the directory. Errors: Io.
  static Result<Outbox> open(const std::filesystem::path& directory);

  /// Gives the message its id. Errors: Io.
  Status put(Message message);

  struct Entry {
    std::filesystem::path file;
    Message message;
  };
  /// All that waits, oldest first. A file that does not parse is renamed to
  /// *.bad and kept.
  [[nodiscard]] std::vector<Entry> list() const;
  /// Errors: Io.
  Status rewrite(const Entry& entry);
  void remove(const Entry& entry);

 private:
  explicit Outbox(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Status write(const std::filesystem::path& file, const Message& message) const;

  std::filesystem::path directory_;
};

}  // namespace alibi::notify
