#pragma once
// Lines of a text file: plain, gzip or zstd, told by its first bytes. A longer
// line than kMaxLineBytes is passed over whole and counted. Thread: one.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace alibi::import {

inline constexpr std::size_t kMaxLineBytes = 16U << 20;

class LineReader {
 public:
  /// Errors: NotFound, Denied, Io.
  static Result<std::unique_ptr<LineReader>> open(const std::filesystem::path& file);
  virtual ~LineReader() = default;

  /// The next line without its end, valid until the next call; empty at the end
  /// of the file. Errors: Io; Corrupt when the compressed data is damaged or cut.
  virtual Result<std::optional<std::string_view>> next() = 0;

  [[nodiscard]] virtual std::uint64_t bytes_read() const = 0;  ///< of the file as it is stored
  [[nodiscard]] virtual std::uint64_t lines_too_long() const = 0;
};

}  // namespace alibi::import
