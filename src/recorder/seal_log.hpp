#pragma once
// The sealer of a recording, where the log has an identity.

#include <memory>
#include <string>

#include "recorder/recorder.hpp"
#include "seal/sealer.hpp"

namespace alibi::recorder {

/// Null where there is no identity: the log is not sealed then. `command` is
/// what is recorded, or "record".
[[nodiscard]] std::unique_ptr<seal::Sealer> make_sealer(const Options& options,
                                                        const std::string& boot_id,
                                                        const std::string& command);

}  // namespace alibi::recorder
