#include "seal/epoch_key.hpp"

#include <fcntl.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "seal/bytes.hpp"
#include "seal/digest.hpp"

namespace alibi::seal {
namespace {

constexpr std::uint64_t kFileBytes = 8192;
constexpr std::array<std::uint64_t, 2> kSlotOffsets = {0, 4096};
constexpr std::size_t kSlotBytes = 96;
constexpr std::size_t kHashedBytes = 56;
constexpr std::size_t kNumberOffset = 16;
constexpr std::size_t kSeedOffset = 24;
constexpr std::size_t kSeedBytes = 32;
constexpr std::string_view kMagic("alibi-epoch-v1\n\0", 16);

/// Bytes of a key, wiped when they go.
class SecretBytes {
 public:
  SecretBytes() : bytes_(kSlotBytes, '\0') {}
  explicit SecretBytes(std::string bytes) : bytes_(std::move(bytes)) {}
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { ::sodium_memzero(bytes_.data(), bytes_.size()); }
  [[nodiscard]] std::string& get() { return bytes_; }

 private:
  std::string bytes_;
};

Status read_slot(store::Disk& disk, int fd, std::uint64_t offset, std::string& slot) {
  std::size_t done = 0;
  while (done < slot.size()) {
    const auto got = disk.read(fd, std::span(slot).subspan(done), offset + done);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return fail(Errc::Corrupt, "the file of the epoch key is too short");
    done += *got;
  }
  return {};
}

Status write_slot(store::Disk& disk, int fd, std::uint64_t offset, std::string_view slot) {
  if (::lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0)
    return fail_errno(errno, "seek in the file of the epoch key");
  if (auto done = store::write_all(disk, fd, slot); !done) return done;
  return disk.sync_data(fd);
}

bool is_empty(std::string_view slot) {
  return std::ranges::all_of(slot, [](char byte) { return byte == 0; });
}

std::uint64_t number_in(std::string_view slot) {
  std::uint64_t number = 0;
  for (const char byte : slot.substr(kNumberOffset, 8))
    number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

/// The epoch in a slot; empty: the slot is. Errors: Corrupt.
Result<std::optional<std::uint64_t>> epoch_in(std::string_view slot) {
  if (is_empty(slot)) return std::nullopt;
  const std::string_view tail = slot.substr(kHashedBytes + sizeof(Hash));
  if (!slot.starts_with(kMagic) || !is_empty(tail) ||
      sha256(slot.substr(0, kHashedBytes)).view() != slot.substr(kHashedBytes, sizeof(Hash)))
    return fail(Errc::Corrupt, "a slot in the file of the epoch key is damaged");
  return number_in(slot);
}

}  // namespace

Result<EpochKeyFile> EpochKeyFile::open(store::Disk& disk, const std::filesystem::path& path,
                                        std::string origin) {
  auto fd = disk.open(path, O_RDWR | O_CREAT);
  if (!fd) return std::unexpected(fd.error());
  const auto size = disk.size(fd->get());
  if (!size) return std::unexpected(size.error());
  if (*size < kFileBytes) {
    // New, or its maker died: no key has been used out of it.
    if (auto done = disk.truncate(fd->get(), 0); !done) return std::unexpected(done.error());
    if (auto done = write_slot(disk, fd->get(), 0, std::string(kFileBytes, '\0')); !done)
      return std::unexpected(done.error());
    if (auto done = disk.sync_directory(path.parent_path()); !done)
      return std::unexpected(done.error());
  }
  EpochKeyFile file(disk, std::move(*fd), std::move(origin));
  if (auto done = file.empty_torn_slot(); !done) return during(path.string(), done.error());
  return file;
}

/// A damaged slot beside a whole one was being written, or erased, when its writer
/// died: what it held was not used yet, or is used no more.
Status EpochKeyFile::empty_torn_slot() {
  std::array<bool, 2> is_bad{};
  bool is_any_whole = false;
  for (std::size_t i = 0; i < kSlotOffsets.size(); ++i) {
    SecretBytes bytes;
    if (auto done = read_slot(*disk_, fd_.get(), kSlotOffsets[i], bytes.get()); !done) return done;
    const auto epoch = epoch_in(bytes.get());
    is_bad[i] = !epoch;
    is_any_whole |= epoch && *epoch;
  }
  for (std::size_t i = 0; i < kSlotOffsets.size(); ++i) {
    if (!is_bad[i]) continue;
    if (!is_any_whole) return fail(Errc::Corrupt, "no slot holds a whole epoch key");
    const std::string zeros(kSlotBytes, '\0');
    if (auto done = write_slot(*disk_, fd_.get(), kSlotOffsets[i], zeros); !done) return done;
  }
  return {};
}

Result<std::vector<EpochKeyFile::Slot>> EpochKeyFile::read() {
  std::vector<Slot> slots;
  for (const std::uint64_t offset : kSlotOffsets) {
    SecretBytes bytes;
    if (auto done = read_slot(*disk_, fd_.get(), offset, bytes.get()); !done)
      return std::unexpected(done.error());
    const auto epoch = epoch_in(bytes.get());
    if (!epoch) return std::unexpected(epoch.error());
    if (!*epoch) continue;
    SecretBytes seed(bytes.get().substr(kSeedOffset, kSeedBytes));
    slots.push_back({**epoch, SigningKey::from_seed(epoch_key_name(origin_, **epoch),
                                                    SignatureType::Ed25519, seed.get())});
  }
  std::ranges::sort(slots, {}, &Slot::epoch);
  return slots;
}

Status EpochKeyFile::write(std::uint64_t epoch, const SigningKey& key) {
  std::uint64_t free = kSlotOffsets[0];
  SecretBytes first;
  if (auto done = read_slot(*disk_, fd_.get(), free, first.get()); !done) return done;
  const auto in_first = epoch_in(first.get());
  // A slot that was written in part is the one to write again.
  if (in_first && *in_first && **in_first != epoch) free = kSlotOffsets[1];
  SecretBytes slot{std::string(kMagic)};
  SecretBytes seed(key.seed());
  slot.get().reserve(kSlotBytes);
  append_u64be(slot.get(), epoch);
  slot.get() += seed.get();
  slot.get() += sha256(slot.get()).view();
  slot.get().resize(kSlotBytes);
  return write_slot(*disk_, fd_.get(), free, slot.get());
}

Status EpochKeyFile::erase(std::uint64_t epoch) {
  for (const std::uint64_t offset : kSlotOffsets) {
    SecretBytes bytes;
    if (auto done = read_slot(*disk_, fd_.get(), offset, bytes.get()); !done) return done;
    if (is_empty(bytes.get())) continue;
    // One that was erased in part is erased as well.
    if (const auto held = epoch_in(bytes.get()); held && **held != epoch) continue;
    if (auto done = write_slot(*disk_, fd_.get(), offset, std::string(kSlotBytes, '\0')); !done)
      return done;
  }
  return {};
}

std::string epoch_key_name(std::string_view origin, std::uint64_t epoch) {
  return std::string(origin) + "/epoch/" + std::to_string(epoch);
}

}  // namespace alibi::seal
