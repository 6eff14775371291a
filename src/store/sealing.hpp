#pragma once
// What the store tells whoever seals the log, as an interface, so that the store
// knows nothing of trees and keys. docs/seal-format.md sections 5 and 8.
//
// Threads: begin() is called by LogWriter::open; the *_synced calls and urgent()
// come from the store thread and never block; file_packed() and
// about_to_delete() come from the packer's thread and wait for the disk.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace alibi::store {

struct Recovered;

enum class SealStream : std::uint8_t { Events, Packets };

/// A run of whole lines, or of whole pcapng blocks, that is durable.
struct SyncedBlock {
  SealStream stream = SealStream::Events;
  std::uint64_t segment = 0;  ///< number in the file's name
  std::uint64_t offset = 0;   ///< in the plain file
  std::uint64_t bytes = 0;
  std::uint64_t items = 0;
  std::uint64_t first = 0;  ///< smallest and greatest number of a record or packet; 0: none
  std::uint64_t last = 0;
  WallNs from;  ///< earliest and latest time of these
  WallNs to;
  std::uint64_t checksum = 0;  ///< XXH3-64 of the bytes as they were in memory
};

/// A record that becomes a leaf of its own: kind clock, loss or fault.
struct SyncedRecord {
  std::string kind;
  std::uint64_t seq = 0;
  std::string result;
  std::vector<std::pair<std::string, std::string>> extra;
};

/// A file that is closed and packed; its plain form is still there.
struct PackedPair {
  SealStream stream = SealStream::Events;
  std::uint64_t segment = 0;
  std::uint64_t bytes = 0;  ///< of the text that the packed file unpacks to
  std::string sha256;       ///< of that text, 32 bytes
  std::uint64_t packed_bytes = 0;
  std::string packed_sha256;
  std::uint64_t encrypted_bytes = 0;  ///< of an encrypted log, once there is such a file
  std::string encrypted_sha256;
};

/// Files that the disk budget has no room for.
struct Deletion {
  SealStream stream = SealStream::Events;
  std::vector<std::uint64_t> segments;  ///< ascending
  std::string rule;
};

class Sealing {
 public:
  virtual ~Sealing() = default;

  /// The lock of the directory is held and the newest segment ends with a whole
  /// line. After an error nothing else is called: the log goes on unsealed, and
  /// a `fault` record says why.
  virtual Status begin(const Recovered& recovered) = 0;
  /// Greatest number of a record or packet in the seal, once begun; 0: none.
  [[nodiscard]] virtual std::uint64_t last_sealed(SealStream stream) = 0;

  virtual void block_synced(const SyncedBlock& block) = 0;
  virtual void record_synced(SyncedRecord record) = 0;
  /// Something happened that is to be sealed at once.
  virtual void urgent() = 0;

  /// Ok: the `segment` leaf and a checkpoint over it are durable, and of an encrypted log the
  /// encrypted file before them, so the plain file may go. Errors: Denied when not all of the
  /// file is sealed yet (ask again later), Io.
  virtual Status file_packed(const PackedPair& pair) = 0;
  /// Ok: the `retention` leaf and a checkpoint over it are durable, and the seeds are
  /// gone. Errors: Io.
  virtual Status about_to_delete(const Deletion& deletion) = 0;
};

}  // namespace alibi::store
