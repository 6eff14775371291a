#pragma once
// Reads logs of other systems into a log directory, as ordinary records of one
// boot for each host. What the columns mean then: docs/import.md.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace alibi::import {

struct ImportQuestion {
  std::vector<std::filesystem::path> files;
  std::filesystem::path directory;
  std::filesystem::path identity;  ///< age identity that opens an encrypted log; empty: none
  std::string host;                ///< instead of what the events say; empty: as they say
  /// Called now and then: which file, how much of it is read, of how much.
  std::function<void(const std::filesystem::path&, std::uint64_t done, std::uint64_t all)> progress;
};

struct ImportedHost {
  std::string name;
  std::uint64_t records = 0;
  std::uint64_t known = 0;  ///< left out: the log has them from an import before
  std::map<std::string, std::uint64_t> told_twice;
  std::int64_t first_ns = 0;  ///< UTC
  std::int64_t last_ns = 0;
};

struct Imported {
  std::uint64_t events = 0;     ///< read, whatever became of them
  std::uint64_t recovered = 0;  ///< of these, out of damaged or unused parts of EVTX files
  std::map<std::string, std::uint64_t> skipped;  ///< why, how many
  std::map<std::string, std::int64_t> zones_s;   ///< file: clock without zone, ahead of UTC
  std::vector<ImportedHost> hosts;
  std::vector<std::string> damage;  ///< files that ended before their end, and why
};

/// Errors: NotFound, Denied, Io, Corrupt (a file nothing could be read of).
/// Nothing is written before all files are read.
[[nodiscard]] Result<Imported> import_logs(const ImportQuestion& question);

/// Of the records of an imported host, the same in every import.
[[nodiscard]] std::string boot_id_of(const std::string& host);

}  // namespace alibi::import
