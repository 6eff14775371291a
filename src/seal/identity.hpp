#pragma once
// The identity of a log: its name, its keys, its first leaf.
// docs/seal-format.md sections 2 and 6. Thread: any, under the directory's lock.

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "seal/seal_layout.hpp"
#include "seal/signing_key.hpp"
#include "store/disk.hpp"

namespace alibi::seal {

/// What a verifier must get from elsewhere than the evidence.
struct Identity {
  std::string origin;
  std::string log_key;                  ///< verification key
  std::string epoch_key;                ///< of epoch 0
  std::string genesis;                  ///< hex hash of leaf 0
  std::vector<std::string> recipients;  ///< age; none: the log is not encrypted
};

struct NewIdentity {
  std::string version;
  std::uint64_t first_event = 1;  ///< numbers that sealing begins with
  std::uint64_t first_packet = 1;
  std::vector<std::string> recipients;  ///< for whom the log is encrypted; none: it is not
  WallNs time = wall_now();             ///< of the genesis leaf
  std::string tcti;  ///< of the TPM that keeps the log's key; empty: a file keeps it
};

/// Makes keys, genesis leaf and first checkpoint. Until the last step there is no
/// identity, and it can be begun again. Errors: Denied (there is one), Io, those of
/// keep_in_tpm.
[[nodiscard]] Result<Identity> create_identity(store::Disk& disk, const SealLayout& layout,
                                               const NewIdentity& wanted);
/// Errors: NotFound, Io, Corrupt.
[[nodiscard]] Result<Identity> read_identity(store::Disk& disk, const SealLayout& layout);
/// From its file, or from the TPM. Errors: NotFound, Io, Corrupt, Unsupported.
[[nodiscard]] Result<SigningKey> read_log_key(store::Disk& disk, const SealLayout& layout);

/// The kernel's, of this boot.
[[nodiscard]] std::string boot_id_now();

}  // namespace alibi::seal
