#pragma once
// What a witness has seen, on disk. The state that compare-and-swap needs and the
// evidence of forks are one thing: files that only grow, and a mark of how far they
// go, signed by the witness's key (history_text.hpp, docs/witness.md).
//
//   history/NUMBER.txt   entries; a new file begins with the latest note of each log
//   state                the mark
//
// A witness that goes on from an older copy of its state may cosign a fork. So open()
// refuses when the history ends before the mark, goes further than one crash
// explains, or is another file than the one that was written (inode and birth time).
// A snapshot of the whole file system brings everything back unnoticed; then only
// logs notice (409 with a smaller size than was cosigned).
//
// Times: seconds since 1970, wall clock. Thread: one at a time, under the caller's lock.

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "seal/note.hpp"
#include "seal/signing_key.hpp"
#include "store/disk.hpp"
#include "witness/history_text.hpp"

namespace alibi::witness {

/// The latest checkpoint cosigned for one log.
struct Latest {
  seal::Checkpoint checkpoint;
  std::string note;  ///< with the log's lines and ours
  std::uint64_t time_s = 0;
};

/// What `alibi witness list` shows.
struct Overview {
  std::map<std::string, Latest> latest;          ///< by origin
  std::map<std::string, std::uint64_t> refused;  ///< 422, in the newest file, by origin
};
/// Also while a witness runs there. Errors: NotFound, Corrupt, Io.
[[nodiscard]] Result<Overview> read_overview(store::Disk& disk,
                                             const std::filesystem::path& directory);

class History {
 public:
  /// An empty one. Errors: Io.
  static Status create(store::Disk& disk, const std::filesystem::path& directory,
                       const seal::SigningKey& key);
  /// Reads and checks; `key` must live as long. Errors: Corrupt with what does not
  /// fit; NotFound; Io.
  static Result<History> open(store::Disk& disk, const std::filesystem::path& directory,
                              const seal::SigningKey& key, std::uint64_t file_bytes = kFileBytes);

  /// Durable when it returns. After an error nothing more is appended: what is on
  /// the disk is not known then. Errors: Io.
  Status accept(const seal::Checkpoint& checkpoint, const seal::Note& note, std::uint64_t time_s);
  /// The same for a note that was not cosigned. One that was told already, or is one
  /// of very many, is not written.
  Status refuse(Outcome outcome, const seal::Checkpoint& checkpoint, const seal::Note& note,
                std::uint64_t time_s);

  /// By origin.
  [[nodiscard]] const std::map<std::string, Latest>& latest() const { return latest_; }
  [[nodiscard]] std::uint64_t entries() const { return position_.entries; }

  static constexpr std::uint64_t kFileBytes = 64ULL << 20;  ///< then the next file is begun
  /// Refused notes kept of one log by one process.
  static constexpr std::size_t kRefusedMax = 4096;

 private:
  History(store::Disk& disk, std::filesystem::path directory, const seal::SigningKey& key)
      : disk_(&disk), directory_(std::move(directory)), key_(&key) {}

  Status read(const State& mark);
  Status take(const Entry& entry);
  Status continue_file(const std::filesystem::path& path, std::size_t used, bool is_torn);
  Status append(const Entry& entry);
  Status begin_file(std::uint64_t time_s);
  Status write_state();

  store::Disk* disk_;
  std::filesystem::path directory_;
  const seal::SigningKey* key_;
  std::uint64_t file_bytes_ = kFileBytes;
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;
  Position position_;
  std::map<std::string, Latest> latest_;
  std::map<std::string, std::set<std::string>> refused_;  ///< hashes of texts, by origin
  bool is_broken_ = false;
};

}  // namespace alibi::witness
