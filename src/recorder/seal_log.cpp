#include "recorder/seal_log.hpp"

#include <algorithm>

#include "seal/bytes.hpp"
#include "store/directory_lock.hpp"
#include "store/layout.hpp"
#include "store/memory_directory.hpp"
#include "store/sha256.hpp"
#include "witness/client.hpp"

namespace alibi::recorder {
namespace {

constexpr std::uint64_t kLeastMemoryBytes = 64ULL << 20;

}  // namespace

Status mount_memory(const Options& options) {
  const auto layout = store::Layout::of(options.directory);
  if (!layout.is_encrypted()) return {};
  const auto lock = store::lock_directory(layout);
  if (!lock) return std::unexpected(lock.error());
  // What is open, and what waits for the packer, which may be behind by one file of each.
  const std::uint64_t bytes =
      3 * (options.limits.segment_bytes + options.limits.packet_segment_bytes);
  return store::mount_memory(layout, std::max(bytes, kLeastMemoryBytes));
}

Status unmount_memory(const std::filesystem::path& directory) {
  const auto layout = store::Layout::of(directory);
  if (!layout.is_encrypted()) return {};
  const auto lock = store::lock_directory(layout);
  if (!lock) return std::unexpected(lock.error());
  return store::unmount_memory(layout);
}

std::unique_ptr<seal::Sealer> make_sealer(const Options& options, const std::string& boot_id,
                                          const std::string& command) {
  const auto layout = store::Layout::of(options.directory);
  if (!layout.has_identity()) return nullptr;
  const auto executable = store::sha256_of_file(store::real_disk(), "/proc/self/exe");
  return std::make_unique<seal::Sealer>(
      seal::SealLayout::of(options.directory),
      seal::Session{.boot_id = boot_id,
                    .version = ALIBI_VERSION,
                    .recorder = executable ? seal::to_hex(*executable) : "",
                    .config = options.config_sha256,
                    .command = layout.is_encrypted() && command != kRecordsAll ? "run" : command},
      witness::make_client(options.third_parties));
}

}  // namespace alibi::recorder
