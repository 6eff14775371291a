#pragma once
// The sealer of a recording, where the log has an identity, and the memory of an encrypted one.

#include <memory>
#include <string>

#include "recorder/recorder.hpp"
#include "seal/sealer.hpp"

namespace alibi::recorder {

/// What a recording of the whole machine is called in the seal.
inline constexpr const char* kRecordsAll = "record";

/// Before the log is opened, and before privileges are given up: where it is encrypted, what its
/// open part stands in. Errors: as store::mount_memory; Denied while a recorder runs.
[[nodiscard]] Status mount_memory(const Options& options);
/// After its clean end, by which everything is sealed. Errors: as store::unmount_memory.
[[nodiscard]] Status unmount_memory(const std::filesystem::path& directory);

/// Null where there is no identity: the log is not sealed then. `command` is
/// what is recorded, or kRecordsAll; an encrypted log does not name it in its leaves.
[[nodiscard]] std::unique_ptr<seal::Sealer> make_sealer(const Options& options,
                                                        const std::string& boot_id,
                                                        const std::string& command);

}  // namespace alibi::recorder
