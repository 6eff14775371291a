#pragma once
// The key of the epoch on disk: two slots, overwritten in place, so that old
// keys do not stay behind (docs/seal-format.md section 7). Best effort on
// solid-state disks and journalling file systems; witnesses close the rest.
// Thread: the one that seals.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "seal/signing_key.hpp"
#include "store/disk.hpp"

namespace alibi::seal {

class EpochKeyFile {
 public:
  /// Creates the file (mode 0600) when it is not there, and empties a slot that
  /// was written in part. Errors: Io; Corrupt when no slot beside it is whole.
  static Result<EpochKeyFile> open(store::Disk& disk, const std::filesystem::path& path,
                                   std::string origin);

  struct Slot {
    std::uint64_t epoch = 0;
    SigningKey key;
  };
  /// What the slots hold, lower number first.
  [[nodiscard]] Result<std::vector<Slot>> read();
  /// Writes to the slot that does not hold another epoch, durable. Errors: Io;
  /// the same can be asked for again.
  Status write(std::uint64_t epoch, const SigningKey& key);
  /// Overwrites with zeros, durable. Errors: Io.
  Status erase(std::uint64_t epoch);

 private:
  EpochKeyFile(store::Disk& disk, UniqueFd fd, std::string origin)
      : disk_(&disk), fd_(std::move(fd)), origin_(std::move(origin)) {}
  Status empty_torn_slot();

  store::Disk* disk_;
  UniqueFd fd_;
  std::string origin_;
};

[[nodiscard]] std::string epoch_key_name(std::string_view origin, std::uint64_t epoch);

}  // namespace alibi::seal
