#pragma once
// What is to be disclosed: docs/disclosure-format.md.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "event/process_key.hpp"

namespace alibi::disclose {

/// A process as it was asked for.
struct ProcessChoice {
  std::uint32_t pid = 0;
  std::optional<event::ProcessKey> key;  ///< empty: only the pid was given
};

struct Request {
  std::filesystem::path log;             ///< directory of the log
  std::filesystem::path identity;        ///< age identity that opens encrypted files; empty: none
  std::filesystem::path bundle;          ///< new, or an empty directory
  std::optional<WallNs> from;            ///< one of both: an interval is claimed
  std::optional<WallNs> to;              ///< inclusive
  std::vector<ProcessChoice> processes;  ///< none: all
  std::vector<std::string> kinds;        ///< none: all
  std::vector<std::uint64_t> records;    ///< shown whatever the others say
  std::vector<std::string> hide;         ///< columns
  bool with_packets = false;

  [[nodiscard]] bool has_interval() const { return from || to; }
  /// Records are chosen by what they say, not by number only.
  [[nodiscard]] bool has_filter() const {
    return has_interval() || !processes.empty() || !kinds.empty();
  }
};

}  // namespace alibi::disclose
