#pragma once
// Writes files that `age -d` opens (C2SP age v1): X25519 recipients and the STREAM
// of ChaCha20-Poly1305, with libsodium and OpenSSL's HKDF. Nothing here can decrypt.
// Thread: one per object.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace alibi::seal {

/// `age1...` lines, `#` comments; everything else is refused, plugins too
/// (CVE-2024-56327). Errors: Corrupt with the number of the line.
[[nodiscard]] Result<std::vector<std::string>> parse_recipients(std::string_view text);

class AgeWriter {
 public:
  /// Appends the header to `out`. At least one recipient.
  static Result<AgeWriter> begin(std::span<const std::string> recipients, std::string& out);
  AgeWriter(AgeWriter&&) noexcept;
  AgeWriter& operator=(AgeWriter&&) noexcept;
  ~AgeWriter();

  /// Appends whole chunks of 64 KiB to `out` as they fill.
  void write(std::string_view plain, std::string& out);
  /// The last chunk. Without it the file does not open.
  void finish(std::string& out);

 private:
  struct State;
  explicit AgeWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace alibi::seal
