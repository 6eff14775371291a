#include "store/packet_capture.hpp"

#include <fcntl.h>

namespace alibi::store {

Result<std::unique_ptr<PacketCapture>> PacketCapture::create(const std::filesystem::path& path,
                                                             Disk& disk) {
  auto fd = disk.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  if (!fd) return std::unexpected(fd.error());
  auto capture = std::unique_ptr<PacketCapture>(new PacketCapture(disk, std::move(*fd), path));
  PacketSection::begin(capture->blocks_);
  if (auto done = capture->write(); !done) return std::unexpected(done.error());
  return capture;
}

Status PacketCapture::write() {
  const std::string_view text(reinterpret_cast<const char*>(blocks_.data()), blocks_.size());
  auto done = write_all(disk_, fd_.get(), text);
  if (done) {
    bytes_ += blocks_.size();
  } else {
    (void)disk_.truncate(fd_.get(), bytes_);
    fd_.reset();
  }
  blocks_.clear();
  return done ? done : during("write " + path_.string(), done.error());
}

Status PacketCapture::append(const PacketBatch& batch) {
  for (const auto& [device, name] : batch.device_names)
    devices_[device] = name;
  if (!fd_.is_open() || (batch.packets.empty() && batch.names.empty())) return {};
  section_.append(blocks_, batch, 0);
  return write();
}

Status PacketCapture::close() {
  if (!fd_.is_open()) return {};
  section_.end(blocks_, wall_now());
  return write();
}

}  // namespace alibi::store
