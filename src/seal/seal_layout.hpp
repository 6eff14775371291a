#pragma once
// Names of the files of a seal beside those of the log: docs/seal-format.md section 2.

#include <cstdint>
#include <filesystem>
#include <string>

#include "seal/leaf.hpp"
#include "store/layout.hpp"

namespace alibi::seal {

/// Leaves in one file of leaves/, and in the sets of epochs/ and cosigned/.
inline constexpr std::uint64_t kLeavesPerFile = 65536;

struct SealLayout {
  std::filesystem::path directory;
  std::filesystem::path content = directory;  ///< as in store::Layout

  [[nodiscard]] static SealLayout of(const std::filesystem::path& directory);
  /// The files of the log that is sealed.
  [[nodiscard]] store::Layout files() const { return {directory, content}; }
  [[nodiscard]] std::filesystem::path identity() const { return directory / "identity"; }
  [[nodiscard]] std::filesystem::path secret() const { return directory / "secret"; }
  [[nodiscard]] std::filesystem::path log() const { return directory / "log"; }
  [[nodiscard]] std::filesystem::path origin() const { return identity() / "origin"; }
  [[nodiscard]] std::filesystem::path log_vkey() const { return identity() / "log.vkey"; }
  [[nodiscard]] std::filesystem::path epoch_vkey() const { return identity() / "epoch.vkey"; }
  [[nodiscard]] std::filesystem::path genesis() const { return identity() / "genesis"; }
  [[nodiscard]] std::filesystem::path policy() const { return identity() / "policy"; }
  [[nodiscard]] std::filesystem::path requirements() const { return identity() / "requirements"; }
  [[nodiscard]] std::filesystem::path recipients() const { return identity() / "recipients"; }
  [[nodiscard]] std::filesystem::path log_key() const { return secret() / "log.key"; }
  /// In its place where a TPM keeps the key (seal/tpm_key.hpp).
  [[nodiscard]] std::filesystem::path log_tpm() const { return secret() / "log.tpm"; }
  [[nodiscard]] std::filesystem::path epoch_key() const { return secret() / "epoch.key"; }
  [[nodiscard]] std::filesystem::path checkpoint() const { return log() / "checkpoint"; }
  [[nodiscard]] std::filesystem::path published() const { return log() / "published"; }
  [[nodiscard]] std::filesystem::path receipts() const { return log() / "receipts"; }
  /// Of the file that holds leaf `index`, or what belongs to it.
  [[nodiscard]] std::filesystem::path leaves(std::uint64_t index) const;
  [[nodiscard]] std::filesystem::path epochs(std::uint64_t index) const;
  [[nodiscard]] std::filesystem::path cosigned(std::uint64_t index) const;
  [[nodiscard]] std::filesystem::path seed(Stream stream, std::uint64_t segment) const;
  /// C2SP tlog-tiles v0.1: level, index, and leaves in it (256: complete).
  [[nodiscard]] std::filesystem::path tile(unsigned level, std::uint64_t index,
                                           unsigned width) const;
  [[nodiscard]] std::filesystem::path entries(std::uint64_t index, unsigned width) const;
};

}  // namespace alibi::seal
