#pragma once
// The files of a disclosure bundle as values: docs/disclosure-format.md sections 1
// to 3. Every byte is a stranger's; nothing is judged here but the grammar.
// Pure. Thread: any. Errors: Corrupt.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "seal/tree.hpp"

namespace alibi::verify {

inline constexpr std::uint64_t kNumberMax = (1ULL << 63) - 1;

/// Decimal, canonical, below 2^63.
[[nodiscard]] std::optional<std::uint64_t> read_number(std::string_view text);

/// Items of one block.
struct BundleItems {
  std::map<std::uint64_t, std::vector<std::string>> shown;  ///< salts; empty: none
  std::vector<seal::HiddenRange> hidden;
};
/// items.csv, by leaf.
[[nodiscard]] Result<std::map<std::uint64_t, BundleItems>> parse_items(std::string_view text);

/// leaves.csv: index and line with its LF; the text must outlive them.
[[nodiscard]] Result<std::map<std::uint64_t, std::string>> parse_leaf_lines(std::string_view text);

/// tree.csv.
[[nodiscard]] Result<std::vector<seal::HiddenRange>> parse_tree(std::string_view text);

struct Claims {
  std::string origin;
  struct Interval {
    WallNs from;
    WallNs to;
    std::uint64_t first_leaf = 0;
    std::uint64_t last_leaf = 0;
  };
  std::optional<Interval> interval;
  struct Process {
    std::string process;
    std::uint64_t last = 0;
    bool is_open = false;
  };
  std::vector<Process> processes;
};
/// claims.csv.
[[nodiscard]] Result<Claims> parse_claims(std::string_view text);

struct ShownPacket {
  std::uint64_t leaf = 0;
  std::uint64_t item = 0;
  std::string bytes;
};
/// packets.csv.
[[nodiscard]] Result<std::vector<ShownPacket>> parse_packets(std::string_view text);

/// SHA256SUMS: hash in hex by name.
[[nodiscard]] Result<std::map<std::string, std::string>> parse_sums(std::string_view text);

/// C2SP tlog-proof: the path, and the note after it.
struct TlogProof {
  std::uint64_t index = 0;
  std::vector<seal::Hash> path;
  std::string note;
};
[[nodiscard]] Result<TlogProof> parse_tlog_proof(std::string_view text);

}  // namespace alibi::verify
