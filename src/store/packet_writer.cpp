#include "store/packet_writer.hpp"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "packet/input.hpp"
#include "packet/pcapng_blocks.hpp"
#include "store/block_account.hpp"
#include "store/packet_section.hpp"
#include "store/pcapng_blocks.hpp"
#include "store/quarantine.hpp"

namespace alibi::store {
namespace {

constexpr std::uint64_t kRetryNs = 1'000'000'000;
constexpr std::size_t kReadBytes = 1U << 20;
constexpr std::uint64_t kSealBytes = 4U << 20;
constexpr std::uint64_t kSealNs = 1'000'000'000;

std::string_view text_of(const packet::Blocks& blocks) {
  return {reinterpret_cast<const char*>(blocks.data()), blocks.size()};
}

struct End {
  std::uint64_t good_bytes = 0;   ///< up to the end of the last whole block
  std::uint64_t last_number = 0;  ///< 0: no packet
};

/// Walks the blocks of a file, packed or not.
Result<End> find_end(const std::filesystem::path& path) {
  auto input = packet::Input::open(path);
  if (!input) return std::unexpected(input.error());
  End end;
  std::vector<std::byte> bytes(kReadBytes);
  std::size_t held = 0;
  while (true) {
    if (held == bytes.size())
      bytes.resize(std::min(bytes.size() * 2, kReadBytes + packet::kBlockBytesMax));
    const auto got = (*input)->read(std::span(bytes).subspan(held));
    if (!got) return std::unexpected(got.error());
    held += *got;
    std::size_t at = 0;
    while (const auto length = block_length(std::span(bytes).first(held).subspan(at))) {
      const auto number = packet_number(std::span(bytes).subspan(at, *length));
      end.last_number = std::max(end.last_number, number.value_or(0));
      at += *length;
    }
    end.good_bytes += at;
    std::move(bytes.begin() + static_cast<std::ptrdiff_t>(at),
              bytes.begin() + static_cast<std::ptrdiff_t>(held), bytes.begin());
    held -= at;
    if (*got == 0 || held > packet::kBlockBytesMax) return end;
  }
}

class FilePacketWriter final : public PacketWriter {
 public:
  FilePacketWriter(Disk& disk, Layout layout, Limits limits, Sealing* sealing)
      : disk_(disk), layout_(std::move(layout)), limits_(limits), sealing_(sealing) {}

  Status start();
  [[nodiscard]] const event::Extra& recovery_note() const override { return note_; }
  Status append(const PacketBatch& batch) override;
  void tick(BootNs now) override;
  [[nodiscard]] PacketTotals totals() const override { return totals_; }
  Status close() override;
  [[nodiscard]] std::uint64_t last_number() const override { return last_number_; }

 private:
  Status begin_file(BootNs now);
  void account_for(std::string_view bytes, std::size_t packets, BootNs now);
  Status sync_for_seal();
  void lose_unsynced(const Error& why);
  Status write(const PacketBatch& batch);
  void refuse(const PacketBatch& batch);

  Disk& disk_;
  Layout layout_;
  Limits limits_;
  Sealing* sealing_;
  event::Extra note_;
  DeviceNames devices_;
  std::uint64_t last_number_ = 0;
  UniqueFd fd_;
  std::optional<PacketSection> section_;
  std::uint64_t bytes_ = 0;
  std::uint64_t file_number_ = 0;  ///< in its name
  BootNs began_;
  std::optional<BlockAccount> account_;  ///< of what is not synced yet
  BootNs unsynced_since_;
  std::uint64_t unsynced_packets_ = 0;
  packet::Blocks blocks_;
  std::uint64_t dropped_ = 0;  ///< refused, to be told with the next packet
  BootNs retry_at_;
  PacketTotals totals_;
};

Status FilePacketWriter::start() {
  for (const auto& path :
       {layout_.packets(), layout_.encrypted(SealStream::Packets, 0).parent_path()})
    if (auto done = disk_.make_directory(path); !done) return done;
  const auto files = list_packet_files(disk_, layout_);
  if (!files) return std::unexpected(files.error());
  if (layout_.is_encrypted() && sealing_) last_number_ = sealing_->last_sealed(SealStream::Packets);
  if (files->empty()) return {};
  const PacketFiles& newest = files->back();
  if (!newest.has_plain && !newest.has_packed) return {};
  const auto path = newest.has_packed ? layout_.pcapng_packed(newest.first_packet)
                                      : layout_.pcapng(newest.first_packet);
  const auto end = find_end(path);
  if (!end) return during("continue " + path.string(), end.error());
  last_number_ = std::max({last_number_, newest.first_packet - 1, end->last_number});
  if (newest.has_packed) return {};
  const auto torn = move_torn_tail(disk_, layout_, path, end->good_bytes);
  if (!torn) return std::unexpected(torn.error());
  if (torn->bytes != 0)
    note_ = {{"last_packet", std::to_string(last_number_)},
             {"torn_bytes", std::to_string(torn->bytes)},
             {"torn_file", torn->kept_in.filename().string()}};
  return {};
}

Status FilePacketWriter::begin_file(BootNs now) {
  // A file of this name holds no packet: its number would have been used.
  auto fd = disk_.open(layout_.pcapng(last_number_ + 1), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  if (!fd) return std::unexpected(fd.error());
  blocks_.clear();
  PacketSection::begin(blocks_);
  if (auto done = write_all(disk_, fd->get(), text_of(blocks_)); !done) {
    (void)disk_.remove(layout_.pcapng(last_number_ + 1));
    return done;
  }
  fd_ = std::move(*fd);
  bytes_ = blocks_.size();
  began_ = now;
  file_number_ = last_number_ + 1;
  if (sealing_) account_.emplace(SealStream::Packets, file_number_, 0);
  account_for(text_of(blocks_), 0, now);
  section_.emplace(devices_, false);
  return disk_.sync_directory(layout_.packets());
}

Status FilePacketWriter::write(const PacketBatch& batch) {
  const BootNs now = boot_now();
  if (!fd_.is_open()) {
    if (auto done = begin_file(now); !done) return done;
  }
  blocks_.clear();
  section_->append(blocks_, batch, last_number_ + 1);
  if (auto done = write_all(disk_, fd_.get(), text_of(blocks_)); !done) {
    // What the section has described is no longer what stands in the file.
    (void)disk_.truncate(fd_.get(), bytes_);
    // The next file has the same name where this one holds no packet.
    if (file_number_ == last_number_ + 1)
      (void)disk_.remove(layout_.pcapng(file_number_));
    else
      (void)sync_for_seal();
    fd_.reset();
    return done;
  }
  bytes_ += blocks_.size();
  account_for(text_of(blocks_), batch.packets.size(), now);
  last_number_ += batch.packets.size();
  totals_.packets += batch.packets.size();
  return {};
}

void FilePacketWriter::account_for(std::string_view bytes, std::size_t packets, BootNs now) {
  if (!sealing_) return;
  if (account_->bytes() == 0) unsynced_since_ = now;
  account_->add_blocks(bytes);
  unsynced_packets_ += packets;
}

/// Cuts a block and makes it durable, if there is one to cut.
Status FilePacketWriter::sync_for_seal() {
  if (!sealing_ || account_->bytes() == 0) return {};
  if (auto synced = disk_.sync_data(fd_.get()); !synced) {
    lose_unsynced(synced.error());
    return synced;
  }
  sealing_->block_synced(account_->cut());
  unsynced_packets_ = 0;
  return {};
}

/// A second sync could succeed although the bytes are gone, and what is sealed
/// must be there: the file ends with what was synced before.
void FilePacketWriter::lose_unsynced(const Error& why) {
  const SyncedBlock lost = account_->cut();
  (void)disk_.truncate(fd_.get(), lost.offset);
  fd_.reset();
  if (lost.offset == 0) (void)disk_.remove(layout_.pcapng(lost.segment));
  last_number_ -= unsynced_packets_;
  totals_.packets -= unsynced_packets_;
  totals_.refused += unsynced_packets_;
  dropped_ += std::exchange(unsynced_packets_, 0);
  totals_.fault = why.message;
  retry_at_ = {boot_now().ns + kRetryNs};
}

void FilePacketWriter::refuse(const PacketBatch& batch) {
  totals_.refused += batch.packets.size();
  for (const auto& entry : batch.packets)
    dropped_ += 1 + entry.dropped;
}

Status FilePacketWriter::append(const PacketBatch& batch) {
  for (const auto& [device, name] : batch.device_names)
    devices_[device] = name;
  if (batch.packets.empty() && (batch.names.empty() || !fd_.is_open())) return {};
  if (!totals_.fault.empty() && boot_now() < retry_at_) {
    refuse(batch);
    return fail(Errc::Io, totals_.fault);
  }
  auto done = Status{};
  if (dropped_ != 0 && !batch.packets.empty()) {
    PacketBatch told = batch;
    told.packets.front().dropped += dropped_;
    done = write(told);
  } else {
    done = write(batch);
  }
  if (!done) {
    refuse(batch);
    totals_.fault = done.error().message;
    retry_at_ = {boot_now().ns + kRetryNs};
    return during("write " + layout_.packets().string(), done.error());
  }
  if (!batch.packets.empty()) dropped_ = 0;
  totals_.fault.clear();
  return {};
}

void FilePacketWriter::tick(BootNs now) {
  if (!fd_.is_open()) return;
  const bool is_due = bytes_ >= limits_.packet_segment_bytes ||
                      now.ns >= began_.ns + limits_.segment_seconds * 1'000'000'000ULL;
  if (is_due) return (void)close();
  if (!sealing_ || account_->bytes() == 0) return;
  if (account_->bytes() >= kSealBytes || now.ns >= unsynced_since_.ns + kSealNs)
    (void)sync_for_seal();
}

Status FilePacketWriter::close() {
  if (!fd_.is_open()) return {};
  blocks_.clear();
  section_->end(blocks_, wall_now());
  auto done = write_all(disk_, fd_.get(), text_of(blocks_));
  if (!done)
    (void)disk_.truncate(fd_.get(), bytes_);
  else
    account_for(text_of(blocks_), 0, boot_now());
  if (sealing_) {
    if (auto synced = sync_for_seal(); !synced) done = synced;
  } else if (auto synced = disk_.sync_data(fd_.get()); !synced) {
    done = synced;
  }
  fd_.reset();
  return done;
}

}  // namespace

Result<std::unique_ptr<PacketWriter>> PacketWriter::open(const Layout& layout, Limits limits,
                                                         Disk& disk, Sealing* sealing) {
  auto writer = std::make_unique<FilePacketWriter>(disk, layout, limits, sealing);
  if (auto done = writer->start(); !done) return std::unexpected(done.error());
  return writer;
}

}  // namespace alibi::store
