#pragma once
// Reads records back, from open and closed segments, also while a recorder is
// writing. Skips what the filters prove irrelevant; a filter is only a hint,
// what is returned was read from the log itself.
//
// Thread: one per reader. Memory: one frame at a time.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "event/record.hpp"

namespace alibi::store {

/// Records of one moment may stand this much out of order (docs/log-format.md).
inline constexpr std::int64_t kDisorderNs = 2'000'000'000;

enum class Order : std::uint8_t { OldestFirst, NewestFirst };

/// What a reader may skip by. Every given key must be able to match; empty: all.
/// Keys are texts as they stand in the log: "addr:127.0.0.1",
/// "end:127.0.0.1:8000" (either side), "name:example.org" (host names as
/// plain_name() of record_keys.hpp, paths as they are), "proc:42@7",
/// "life:42@7" (fork, exec, process, image, exit records of it only),
/// "pid:42", "exe:/usr/bin/curl", "base:curl", "kind:exec".
struct Hints {
  std::optional<WallNs> from;
  std::optional<WallNs> to;
  std::vector<std::string> all_of;
};

/// What was passed over, to be printed by every report that read the log.
struct Skipped {
  struct Damage {
    std::filesystem::path file;
    std::uint64_t offset = 0;  ///< CSV byte offset in the segment
    std::uint64_t bytes = 0;
    std::string what;
  };
  std::vector<Damage> damage;
};

struct BootRecord {
  event::Record record;
  const std::string* boot_id;  ///< of the segment it stands in; lives as long as the reader
};

class LogReader {
 public:
  /// `identity`: an age identity that opens what is encrypted; without one that is passed
  /// over. Errors: NotFound (no log there), Denied, Io.
  static Result<std::unique_ptr<LogReader>> open(const std::filesystem::path& directory,
                                                 const std::filesystem::path& identity = {});
  virtual ~LogReader() = default;

  enum class Go : std::uint8_t { On, Stop };
  using Visit = std::move_only_function<Go(const BootRecord&)>;

  /// Calls `visit` for each record that may match `hints` (and for some that do
  /// not). Errors: Io, Denied. Damaged parts are skipped and listed.
  virtual Status scan(const Hints& hints, Order order, Visit visit) = 0;

  /// Like scan oldest first, then waits for new records until `keep_going`
  /// returns false (asked at least every 100 ms). Only records after now when
  /// `hints.from` is empty.
  virtual Status follow(const Hints& hints, Visit visit,
                        std::move_only_function<bool()> keep_going) = 0;

  [[nodiscard]] virtual const Skipped& skipped() const = 0;
};

}  // namespace alibi::store
