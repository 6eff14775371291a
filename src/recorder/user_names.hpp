#pragma once
// Names of users from /etc/passwd alone. The system's resolver (NSS) would go
// over the network or to other daemons, which a recorder must not do: users of
// directories such as LDAP are shown by number.
//
// Not thread-safe. Costs a stat(2) a second and reads the file when it changed.

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"

namespace alibi::recorder {

class UserNames {
 public:
  explicit UserNames(std::string file = "/etc/passwd") : file_(std::move(file)) {}

  /// The name, or the number as text where there is none. With several names
  /// for one number the first in the file counts, as for the system.
  [[nodiscard]] std::string name(std::uint32_t uid, BootNs now);

 private:
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t size_bytes = 0;
    auto operator<=>(const Stamp&) const = default;
  };

  void refresh();
  void load();

  std::string file_;
  Stamp stamp_;
  BootNs next_look_;
  std::unordered_map<std::uint32_t, std::string> names_;
};

}  // namespace alibi::recorder
