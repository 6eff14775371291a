#pragma once
// Reads recorded packets in the order of recording, each with its process: the
// packet log of a directory (docs/packet-format.md), also while a recorder is
// writing, or one capture file from anywhere.
//
// Thread: one per object. Memory: one block and the descriptions of one file.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "packet/capture_reader.hpp"
#include "query/moment.hpp"

namespace alibi::query {

/// Valid during the visit.
struct LoggedPacket {
  const packet::Packet& packet;
  const packet::Interface& interface;
  const packet::ProcessInfo* process;          ///< null: nobody is known, or not described
  const std::vector<packet::HostName>& names;  ///< of its segment, so far
  std::uint64_t segment_number;                ///< of its first packet; 0 of a single file
};

class PacketLog {
 public:
  /// The packet log below `directory`. `identity` as of LogReader::open. Errors: NotFound (it has
  /// none), Denied, Io.
  static Result<std::unique_ptr<PacketLog>> open(const std::filesystem::path& directory,
                                                 const std::filesystem::path& identity = {});
  /// The same for read_new(), also before the first packet is there. Errors:
  /// NotFound (no such directory), Denied, Io.
  static Result<std::unique_ptr<PacketLog>> open_live(const std::filesystem::path& directory,
                                                      const std::filesystem::path& identity = {});
  /// A capture file. Errors: as CaptureReader::open.
  static Result<std::unique_ptr<PacketLog>> open_file(const std::filesystem::path& file);
  virtual ~PacketLog() = default;

  enum class Go : std::uint8_t { On, Stop };
  using Visit = std::move_only_function<Go(const LoggedPacket&)>;

  /// Calls `visit` for each packet within `range`. Errors: Io, Denied. A broken
  /// segment is read as far as it is sound, then noted in damage().
  virtual Status scan(const TimeRange& range, Visit visit) = 0;

  /// One step of a live view: visits what came since the last call; the first
  /// call begins with the first packet within `range`. Errors: as scan.
  virtual Result<Go> read_new(const TimeRange& range, Visit& visit) = 0;

  /// What could not be read, each once.
  [[nodiscard]] virtual const std::vector<Error>& damage() const = 0;
};

}  // namespace alibi::query
