#pragma once
// Step 1: which files are there, and whether all of them are what they may be:
// docs/seal-format.md section 9. Thread: one.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "seal/leaf.hpp"
#include "verify/directory.hpp"
#include "verify/findings.hpp"

namespace alibi::verify {

inline constexpr std::uint64_t kSealFileBytesMax = 256ULL << 20;
inline constexpr std::uint64_t kTokenBytesMax = 64ULL << 10;

struct Token {
  std::uint64_t size = 0;  ///< of the tree whose note it is over
  std::string name;        ///< of who made it
  std::string file;        ///< in log/receipts
};

struct Evidence {
  Directory top;
  Directory log;
  std::optional<Directory> leaves;
  std::optional<Directory> epochs;
  std::optional<Directory> cosigned;
  std::optional<Directory> receipts;
  std::optional<Directory> events;
  std::optional<Directory> packets;
  std::optional<Directory> live;

  std::set<std::uint64_t> leaf_files;  ///< index of the first leaf
  std::set<std::uint64_t> epoch_files;
  std::set<std::uint64_t> cosigned_files;
  std::vector<Token> tokens;
  /// Segments that have a file of content, whatever its form, and its bytes.
  std::map<std::uint64_t, std::uint64_t> event_segments;
  std::map<std::uint64_t, std::uint64_t> packet_segments;

  [[nodiscard]] const std::optional<Directory>& content(seal::Stream stream) const {
    return stream == seal::Stream::Events ? events : packets;
  }
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& segments(seal::Stream stream) const {
    return stream == seal::Stream::Events ? event_segments : packet_segments;
  }
};

/// False: neither log/ nor identity/ is there.
[[nodiscard]] bool has_seal(const Directory& top);

/// Empty when something was found that must not be there. Errors: Io, Denied:
/// nothing can be said about the evidence.
[[nodiscard]] Result<std::optional<Evidence>> look_at_files(Directory top, Findings& findings);

/// Whether a recorder holds the lock of the directory.
[[nodiscard]] bool is_being_written(const Directory& top);

/// "0000000000000001" and the like: `digits` or more where the number needs them.
[[nodiscard]] std::string number_name(std::uint64_t number, std::size_t digits,
                                      std::string_view ending);
[[nodiscard]] std::string plain_name(seal::Stream stream, std::uint64_t segment);
[[nodiscard]] std::string seed_name(seal::Stream stream, std::uint64_t segment);

}  // namespace alibi::verify
