#pragma once
// Step 1 for a bundle: the files that must be there and no others, within their
// sizes, and what they say as values: docs/disclosure-format.md. Thread: one.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "seal/leaf.hpp"
#include "seal/note.hpp"
#include "verify/bundle_parse.hpp"
#include "verify/directory.hpp"
#include "verify/files.hpp"

namespace alibi::verify {

struct ShownLeaf {
  std::string line;  ///< with its LF
  seal::Leaf leaf;
};

struct Bundle {
  std::string checkpoint;
  std::map<std::uint64_t, ShownLeaf> leaves;
  std::vector<seal::HiddenRange> hidden_leaves;
  std::map<std::uint64_t, BundleItems> items;
  Claims claims;
  std::string header;                ///< of records.csv, with its LF
  std::vector<std::string> records;  ///< with their LF
  std::vector<ShownPacket> packets;
  std::vector<seal::Note> finals;
  std::string cosigned;
  std::vector<seal::Note> cosigned_notes;
  std::vector<Token> tokens;
  std::map<std::uint64_t, std::string> proofs;  ///< name of the file, by leaf
  std::optional<Directory> receipts_directory;
  std::optional<Directory> proofs_directory;
};

/// Errors: Corrupt: it is no bundle, and why; Io, Denied.
[[nodiscard]] Result<Bundle> read_bundle(const Directory& top);

}  // namespace alibi::verify
