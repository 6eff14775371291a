#pragma once
// The bytes of a segment, whatever its form, as one stream: a file, what zstd
// makes of it, what `age -d` makes of it. Each layer can be hashed, so that what
// is judged is what was hashed. Thread: one per object. Memory: windows only.

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "seal/digest.hpp"
#include "verify/directory.hpp"
#include "verify/inputs.hpp"

namespace alibi::verify {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// 0: the end. Errors: Io; Corrupt when the bytes below make no sense.
  virtual Result<std::size_t> read(std::span<char> to) = 0;
};

/// Counts and hashes what passes.
class HashedSource : public ByteSource {
 public:
  explicit HashedSource(ByteSource& below) : below_(below) { sha_.begin(); }
  Result<std::size_t> read(std::span<char> to) override;
  /// Reads what is left, at most `limit` bytes. Empty: there is more.
  Result<std::optional<seal::Hash>> finish(std::uint64_t limit);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  ByteSource& below_;
  seal::Sha256 sha_;
  std::uint64_t bytes_ = 0;
};

[[nodiscard]] std::unique_ptr<ByteSource> file_source(OpenFile file, Progress& progress);
/// All frames, skippable ones passed over. A frame that asks for a window above
/// 128 MiB, is damaged or not whole is Corrupt.
[[nodiscard]] std::unique_ptr<ByteSource> zstd_source(ByteSource& below);
/// `age -d -i identity` as a child process. Errors: Unsupported when there is no
/// such program; Corrupt when it refuses.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> age_source(ByteSource& below,
                                                             const std::filesystem::path& identity);

/// Until `to` is full or the source ends.
[[nodiscard]] Result<std::size_t> read_fully(ByteSource& source, std::span<char> to);

}  // namespace alibi::verify
