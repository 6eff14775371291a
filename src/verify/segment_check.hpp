#pragma once
// Step 9 for one segment: the root of every block from the bytes of the file, in
// every form of the file that is there. Pure but for reading. Thread: any, one
// per call. Memory: one block.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "seal/item.hpp"
#include "seal/leaf.hpp"
#include "verify/files.hpp"
#include "verify/inputs.hpp"

namespace alibi::verify {

/// What a block leaf says, as small as it can be kept.
struct SealedBlock {
  std::uint64_t leaf = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t items = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t number = 0;
  seal::Hash root;
};

struct SealedSegment {
  seal::Stream stream = seal::Stream::Events;
  std::uint64_t number = 0;
  std::vector<SealedBlock> blocks;  ///< not empty
};

enum class Form : std::uint8_t { Plain, Packed, Encrypted };

/// What one file of a segment holds.
struct FormCheck {
  Form form = Form::Plain;
  std::string file;
  std::uint64_t file_bytes = 0;
  seal::Hash file_hash;
  std::optional<seal::Hash>
      packed_hash;  ///< of the packed form within an age file, without the seed
  std::uint64_t packed_bytes = 0;
  std::optional<seal::Hash> plain_hash;  ///< empty: not read to its end
  std::uint64_t plain_bytes = 0;
  bool is_content_checked = false;
  std::optional<Failure> failure;  ///< of the lowest block
  std::string refused;             ///< why age does not open it
  bool lacks_seed = false;         ///< it was opened, and has no seed at its end
  std::uint64_t tail_bytes = 0;    ///< after the last sealed block
};

struct SegmentCheck {
  seal::Stream stream = seal::Stream::Events;
  std::uint64_t number = 0;
  std::uint64_t first_leaf = 0;
  std::uint64_t last_leaf = 0;
  std::uint64_t unsealed_bytes = 0;  ///< before the first block
  std::uint64_t items = 0;           ///< records or packets
  bool has_seed = false;
  std::vector<FormCheck> forms;
  /// An encrypted segment that is not closed: a file for each block.
  struct Live {
    bool is_content_checked = false;
    std::optional<Failure> failure;
  };
  std::optional<Live> live;
};

/// `only_sealed`: bytes after the last block are not read (the file grows).
/// Errors: Io, Denied, Unsupported: nothing can be said.
[[nodiscard]] Result<SegmentCheck> check_segment(const Evidence& evidence,
                                                 const SealedSegment& segment,
                                                 std::string_view hideable, bool only_sealed,
                                                 const Inputs& inputs, Progress& progress);

/// The rules for one block: its root, its items, the numbers in it. `columns` is
/// null for packets. Empty: all is right.
struct BlockRules {
  seal::Stream stream = seal::Stream::Events;
  const seal::Columns* columns = nullptr;
  bool has_header = false;  ///< its first line is the header line
};
[[nodiscard]] std::optional<std::pair<Verdict, std::string>> check_block(
    const BlockRules& rules, const SealedBlock& block, const seal::Seed& block_seed,
    std::string_view bytes);

/// The numbers of the records or packets in `bytes` are first, first + 1, ... last.
[[nodiscard]] bool has_numbers(seal::Stream stream, std::string_view bytes, bool has_header,
                               std::uint64_t first, std::uint64_t last);

}  // namespace alibi::verify
