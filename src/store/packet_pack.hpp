#pragma once
// Packs finished files of packets, and says which of them the disk budget has
// no room for. docs/packet-format.md. Thread: the packer's.

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/result.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/log_writer.hpp"
#include "store/retention.hpp"
#include "store/sealing.hpp"

namespace alibi::store {

/// All finished files that are not packed yet; the newest is the writer's, where `has_newest`
/// does not say that there is none any more.
/// Independent zstd frames that end with a block; unpacked again and compared
/// before the plain file goes; with `sealing`, which may be null, it goes when that
/// has a leaf about both. Errors: of the first that failed; the others
/// were packed nevertheless.
Status pack_packet_files(Disk& disk, const Layout& layout, Sealing* sealing, bool has_newest,
                         const std::stop_token& stop);

/// Oldest files beyond the budget; never the newest.
[[nodiscard]] Retention plan_packet_retention(const std::vector<PacketFiles>& files,
                                              const Limits& limits);
Status delete_packet_files(Disk& disk, const Layout& layout,
                           const std::vector<std::uint64_t>& files);

}  // namespace alibi::store
