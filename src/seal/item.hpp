#pragma once
// Items of a block (lines, pcapng blocks), their salts, their leaf hashes, the
// root of a block: docs/seal-format.md sections 3 and 4. Thread: one per object.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "seal/digest.hpp"
#include "seal/leaf.hpp"

namespace alibi::seal {

inline constexpr std::size_t kSaltBytes = 16;
inline constexpr std::size_t kSaltsPerItem = 8;
inline constexpr std::size_t kHideableMax = kSaltsPerItem - 1;

using Seed = std::array<unsigned char, 32>;
[[nodiscard]] Seed block_seed(const Seed& segment_seed, std::uint64_t block);
/// Salts of items [0, items), kSaltsPerItem * kSaltBytes bytes each.
[[nodiscard]] std::string salts_of(const Seed& block_seed, std::size_t items);

/// Which columns of a line can be hidden: learnt from the genesis leaf and the
/// segment's header line.
class Columns {
 public:
  /// `names` as in `hideable=`; `header` with or without LF. Errors: Corrupt
  /// when a name is no column of the header line.
  static Result<Columns> from(std::string_view hideable, std::string_view header);

  [[nodiscard]] std::size_t fields() const { return fields_; }
  /// Index of the field for salt k = position + 1.
  [[nodiscard]] const std::vector<std::size_t>& hideable() const { return hideable_; }
  [[nodiscard]] const std::string& header() const { return header_; }

 private:
  std::size_t fields_ = 0;
  std::vector<std::size_t> hideable_;
  std::string header_;  ///< with LF
};

/// Fields of a line (LF allowed), quotes included. Thread: any.
[[nodiscard]] std::vector<std::string_view> split_fields(std::string_view line);
/// `#` and b64 of the commitment.
[[nodiscard]] std::string commit_field(Sha256& sha, std::string_view salt, std::string_view field);
/// The committed line. `salts` are those of this item; `keep[k-1]` false: the
/// field is taken to be committed already (a hidden column of a bundle).
[[nodiscard]] std::string commit_line(Sha256& sha, const Columns& columns, std::string_view salts,
                                      std::string_view line, std::span<const bool> keep = {});
/// Leaf hash of a committed line, of a pcapng block.
[[nodiscard]] Hash item_hash(Sha256& sha, Stream stream, std::string_view salt0,
                             std::string_view committed);

/// The items of a block's bytes. Errors: Corrupt when they do not end with an item.
[[nodiscard]] Result<std::vector<std::string_view>> split_items(Stream stream,
                                                                std::string_view bytes);
/// Leaf hashes of all items of a block; their tree_hash is `root`.
/// `columns` is not used for packets.
[[nodiscard]] Result<std::vector<Hash>> hash_items(Stream stream, const Columns& columns,
                                                   const Seed& block_seed, std::string_view bytes);

}  // namespace alibi::seal
