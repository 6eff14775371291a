#pragma once
// The pcapng file of `-w`: created anew, readable by its owner only; "-" is
// standard output. Thread: one.

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "query/packet_export.hpp"

namespace alibi::cli {

class CaptureFile {
 public:
  /// Errors: Usage (a terminal, or `source`, which is being read); those of open(2).
  static Result<std::unique_ptr<CaptureFile>> create(const std::string& file,
                                                     const std::string& source);

  /// Buffers; whole blocks reach the file together. Errors: Io.
  Status write(const query::LoggedPacket& logged, const packet::Headers& headers);
  Status flush();
  /// What stands at the end of the file, then flush().
  Status finish();

 private:
  CaptureFile(std::string name, UniqueFd fd);

  std::string name_;
  UniqueFd fd_;
  query::PacketExport export_;
  packet::Blocks pending_;
};

}  // namespace alibi::cli
