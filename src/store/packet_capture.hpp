#pragma once
// One pcapng file of packets, written beside the log for whoever asked for it
// (`alibi run -w`). Each packet has a comment with its process, so that also
// viewers show it that know no process information. Thread: the store thread.

#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "store/disk.hpp"
#include "store/packet_section.hpp"

namespace alibi::store {

class PacketCapture {
 public:
  /// Replaces a file of that name. Errors: Io, Denied, NotFound.
  static Result<std::unique_ptr<PacketCapture>> create(const std::filesystem::path& path,
                                                       Disk& disk = real_disk());

  /// After an error the file ends where it was sound, and nothing more is written.
  Status append(const PacketBatch& batch);
  Status close();

 private:
  PacketCapture(Disk& disk, UniqueFd fd, std::filesystem::path path)
      : disk_(disk), fd_(std::move(fd)), path_(std::move(path)) {}
  Status write();

  Disk& disk_;
  UniqueFd fd_;
  std::filesystem::path path_;
  DeviceNames devices_;
  PacketSection section_{devices_, true};
  packet::Blocks blocks_;
  std::uint64_t bytes_ = 0;
};

}  // namespace alibi::store
