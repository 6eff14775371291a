#pragma once
// The plain bytes of sealed blocks, from segments that are open or packed, and the
// seeds of their salts. Cheapest when asked in the order of offsets.
// Thread: one. Memory: one block.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "packet/input.hpp"
#include "seal/item.hpp"
#include "seal/leaf.hpp"
#include "seal/seal_layout.hpp"

namespace alibi::disclose {

class PlainBytes {
 public:
  PlainBytes(seal::SealLayout layout, seal::Stream stream)
      : layout_(std::move(layout)), stream_(stream) {}

  /// Errors: NotFound (the segment is not there), Unsupported (only an encrypted
  /// form is), Denied, Io; Corrupt when it ends before.
  Result<std::string> read(const seal::BlockLeaf& block);
  /// The seed of the segment. Errors: NotFound, Denied, Io, Corrupt.
  Result<seal::Seed> seed(std::uint64_t segment);

 private:
  Status open(std::uint64_t segment, std::uint64_t offset);
  Status open_plain(const std::filesystem::path& file);
  Status open_packed(const std::filesystem::path& file, std::uint64_t offset);
  Status skip_to(std::uint64_t offset);
  Status fill(std::string& to);

  seal::SealLayout layout_;
  seal::Stream stream_;
  std::unique_ptr<packet::Input> input_;
  std::uint64_t segment_ = 0;
  std::uint64_t at_ = 0;  ///< offset of the next byte of `input_`
};

}  // namespace alibi::disclose
