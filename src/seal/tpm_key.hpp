#pragma once
// The seed of the log's key kept by a TPM 2.0 (TCG TPM 2.0 Library, part 3): what
// stands on the disk is a blob that only this TPM opens, so a copy of the disk
// does not sign. TPMs know no Ed25519, so the key signs in memory, as it does
// without a TPM: whoever is root on the running machine can still use it.
//
// The blob is bound to no PCR: an update of kernel or firmware must not end a log.
// Exchanges with the TPM are encrypted (a salted session), so that a probe on
// its bus sees no seed. Thread: any; a call takes tens of milliseconds to seconds.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "seal/signing_key.hpp"

namespace alibi::seal {

inline constexpr const char* kDefaultTcti = "device:/dev/tpmrm0";

/// Text for secret/log.tpm. `tcti` is a TCTI of tpm2-tss, TYPE:CONFIGURATION.
/// Errors: NotFound (no TPM there), Unsupported (it refused; the message has its words).
[[nodiscard]] Result<std::string> keep_in_tpm(const SigningKey& key, const std::string& tcti);

/// The key of such a text, by the TPM it names. Errors: as above, and Corrupt.
[[nodiscard]] Result<SigningKey> key_from_tpm(std::string_view text);

}  // namespace alibi::seal
