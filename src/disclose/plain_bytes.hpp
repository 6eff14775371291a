#pragma once
// The plain bytes of sealed blocks, from segments that are open, packed or encrypted, and the
// seeds of their salts. Cheapest when asked in the order of offsets.
// Thread: one. Memory: one block; of an encrypted log a packed segment.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "packet/input.hpp"
#include "seal/item.hpp"
#include "seal/leaf.hpp"
#include "seal/seal_layout.hpp"
#include "store/decrypted_segment.hpp"

namespace alibi::disclose {

class PlainBytes {
 public:
  /// `identity`: for `age`; empty: what is encrypted is not opened.
  PlainBytes(seal::SealLayout layout, seal::Stream stream, std::filesystem::path identity)
      : layout_(std::move(layout)), stream_(stream), identity_(std::move(identity)) {}

  /// Errors: NotFound (the segment is not there), Unsupported (only an encrypted
  /// form is, and no identity or no program age), Denied, Io; Corrupt when it ends before, or
  /// age does not open it.
  Result<std::string> read(const seal::BlockLeaf& block);
  /// The seed of the block that was read last. Errors: NotFound, Denied, Io, Corrupt.
  Result<seal::Seed> seed(const seal::BlockLeaf& block);

 private:
  Status open(std::uint64_t segment, std::uint64_t offset);
  Status open_encrypted(std::uint64_t segment, std::uint64_t offset);
  Status open_plain(const std::filesystem::path& file);
  Status open_packed(const std::filesystem::path& file, std::uint64_t offset);
  Status skip_to(std::uint64_t offset);
  Status fill(std::string& to);

  seal::SealLayout layout_;
  seal::Stream stream_;
  std::filesystem::path identity_;
  std::optional<store::DecryptedSegment> decrypted_;  ///< where `input_` reads from it
  std::unique_ptr<packet::Input> input_;
  std::uint64_t segment_ = 0;
  std::uint64_t at_ = 0;  ///< offset of the next byte of `input_`
};

}  // namespace alibi::disclose
