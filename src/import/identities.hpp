#pragma once
// Which process of an imported host an event speaks of: pid@start, where start
// is what the log knows of the creation (docs/decisions/import-identity.md).
//
//   learn everything -> settle -> find
//
// Times are UTC, nanoseconds since 1970. Thread: one.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "import/draft.hpp"

namespace alibi::import {

struct Life {
  event::ProcessKey key;
  std::string image;  ///< latest that was told; empty: none
  std::string user;
  std::vector<std::string> args;  ///< told by a child's event; empty: not told
  std::optional<event::ProcessKey> parent;
  std::int64_t start_ns = 0;  ///< as exact as the log knows
  std::int64_t first_ns = 0;  ///< first event about it
  std::optional<std::int64_t> end_ns;
  std::optional<std::int64_t> exec_ns;  ///< of the first exec record about it
  bool is_vague = false;                ///< its GUID has the time of creation only
};

/// Path without the drive or device in front, lower case: Sysmon writes "C:\x",
/// Security "\device\harddiskvolume2\x".
[[nodiscard]] std::string plain_image(std::string_view image);

class Identities {
 public:
  using Id = std::size_t;  ///< of a life

  /// The process with this GUID and pid, created in the second the GUID has. On
  /// Linux a child that has executed nothing yet has the GUID of its parent, and a
  /// process Sysmon does not know one of zeros behind the time.
  /// Empty: the GUID has no sensible time.
  std::optional<Id> by_guid(const std::string& guid, std::uint32_t pid, std::int64_t at_ns);
  /// A process known only by its creation at this time.
  Id created(std::uint32_t pid, std::int64_t at_ns);
  /// A process first mentioned at this time, created nobody knows when.
  Id first_mentioned(std::uint32_t pid, std::int64_t at_ns, std::string_view image);

  /// Those with this pid that can have been alive within `slack_ns` of the time
  /// and, where both are known, have this image.
  [[nodiscard]] std::vector<Id> alive(std::uint32_t pid, std::int64_t at_ns, std::int64_t slack_ns,
                                      std::string_view image) const;

  Life& life(Id id) { return lives_[id]; }
  [[nodiscard]] const std::vector<Life>& lives() const { return lives_; }

 private:
  Id add(std::uint32_t pid, std::int64_t start_ns);

  std::vector<Life> lives_;
  std::unordered_map<std::string, Id> by_guid_;  ///< GUID, blank, pid
  std::unordered_map<std::string, Id> owners_;   ///< of a GUID: the first that had it
  std::unordered_multimap<std::uint32_t, Id> by_pid_;
};

}  // namespace alibi::import
