#pragma once
// Which Debian package owns a file, without running dpkg: an index over
// /var/lib/dpkg/info/*.list, 10 bytes a path, read again when the package
// database changed. On a host without dpkg everything belongs to nobody.
//
// The index only says where to look: every answer is confirmed in the list of
// the package itself. Diversions and the merged /usr (/bin is /usr/bin) are
// followed. Only paths in the host's root make sense here.
//
// Not thread-safe. Reads files: not for a thread that must not wait.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace alibi::recorder {

struct PackageOwner {
  std::string package;  ///< as `dpkg -S` writes it: "coreutils", "libc6:amd64"
  std::string version;
  auto operator<=>(const PackageOwner&) const = default;
};

class PackageIndex {
 public:
  /// `database` is dpkg's directory; another one in tests.
  explicit PackageIndex(std::string database = "/var/lib/dpkg") : database_(std::move(database)) {}

  /// Owner of the absolute, resolved `path`. Loads the index on first use and
  /// after a change. Empty: nobody, or the database cannot be read.
  [[nodiscard]] std::optional<PackageOwner> find_owner(std::string_view path);

  [[nodiscard]] std::size_t path_count() const { return hashes_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const;
  /// The database has more paths than are kept (kMaxPaths); some owners stay unknown.
  [[nodiscard]] bool is_incomplete() const { return is_incomplete_; }

  static constexpr std::size_t kMaxPaths = 700'000;

 private:
  struct Package {
    std::string name;  ///< stem of its list file
    std::string version;
  };
  struct Diversion {
    std::string from, to, package;  ///< package ":" means the administrator
  };
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t size_bytes = 0;
    auto operator<=>(const Stamp&) const = default;
  };

  [[nodiscard]] Stamp read_stamp() const;
  void load();
  void load_lists();
  void load_versions();
  void load_diversions();
  void sort_by_hash();
  [[nodiscard]] std::optional<PackageOwner> find_listed(std::string_view path) const;
  [[nodiscard]] std::vector<std::uint16_t> owners_of(std::string_view path) const;
  [[nodiscard]] bool is_in_list(const Package& package, std::string_view path) const;

  std::string database_;
  Stamp stamp_;
  bool is_loaded_ = false;
  bool is_incomplete_ = false;
  bool is_usr_merged_ = false;
  std::vector<Package> packages_;
  std::vector<Diversion> diversions_;
  std::vector<std::uint64_t> hashes_;  // sorted
  std::vector<std::uint16_t> owners_;  // index into packages_, same order as hashes_
};

}  // namespace alibi::recorder
