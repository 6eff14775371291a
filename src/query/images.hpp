#pragma once
// Which file content a process ran: joins `image` records (hash and package of
// an executable, written once per content) to processes.
//
// A path alone is not enough, since the file behind it is replaced by upgrades:
// device and inode must agree where both are known, the record made for this
// very process wins, then the latest one before the exec, then the first after.

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "query/process.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {

class Images {
 public:
  explicit Images(store::LogReader& reader) : reader_(reader) {}

  /// Reads the image records of this path, once. Errors: Io, Denied.
  Status load(const std::string& path);

  /// Fills hash and package of `process`, whose image began at `since` by an
  /// exec with these `extra` pairs; leaves them empty when no record fits.
  void describe(Process& process, const event::Extra& exec_extra, BootNs since) const;

 private:
  struct Entry {
    std::string boot_id;
    event::Record record;
  };
  store::LogReader& reader_;
  std::map<std::string, std::vector<Entry>> by_path_;
};

}  // namespace alibi::query
