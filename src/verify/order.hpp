#pragma once
// Step 8: nothing is out of order, and nothing is missing without a word. Pure
// rules over the leaves, one after the other: docs/seal-format.md section 9.
// Thread: one. Memory: constant.

#include <cstdint>
#include <optional>
#include <string>

#include "seal/leaf.hpp"
#include "verify/findings.hpp"
#include "verify/report.hpp"
#include "verify/trust.hpp"

namespace alibi::verify {

/// Blocks of one stream.
class BlockOrder {
 public:
  explicit BlockOrder(std::uint64_t first_number) : next_number_(first_number) {}
  void take(std::uint64_t index, const seal::BlockLeaf& block, Findings& findings);

 private:
  bool is_first_ = true;
  std::uint64_t segment_ = 0;
  std::uint64_t next_block_ = 0;
  std::uint64_t next_offset_ = 0;
  std::uint64_t next_number_;
};

/// Runs of recorders: one that did not end on purpose is told by the next.
class RunOrder {
 public:
  void take(std::uint64_t index, const seal::Leaf& leaf, Findings& findings, Report& report);
  /// A run whose beginning is cut off by the end of its boot or of the log.
  void end(Report& report);
  /// Whether the leaf before ended a run.
  [[nodiscard]] bool has_ended() const { return has_ended_; }

 private:
  struct Waiting {
    std::uint64_t leaf = 0;
    unsigned leaves = 0;  ///< that may still be the recovery leaf
  };
  bool has_ended_ = true;
  bool has_only_recovered_ = false;  ///< since the boot began
  std::string boot_id_;
  seal::LeafType before_ = seal::LeafType::Genesis;
  std::optional<Waiting> waiting_;
};

/// The clocks: never back, no silence, no step without a leaf that says so.
class TimeOrder {
 public:
  explicit TimeOrder(std::uint64_t epoch_ms) : patience_ns_(3 * epoch_ms * 1'000'000) {}
  void take(std::uint64_t index, const seal::Leaf& leaf, bool after_end, Findings& findings,
            Report& report);
  void end(Report& report);

 private:
  struct Before {
    std::string boot_id;
    BootNs boot;
    WallNs time;
    seal::LeafType type = seal::LeafType::Genesis;
  };
  struct Unexplained {
    std::uint64_t leaf = 0;
    std::uint64_t until_ns = 0;  ///< of boot_ns
    std::string text;
  };
  void fail_overdue(std::uint64_t boot_ns, Findings& findings);

  std::uint64_t patience_ns_;
  std::optional<Before> before_;
  std::optional<Unexplained> step_;
  std::optional<Unexplained> silence_;
};

class Order {
 public:
  explicit Order(const Genesis& genesis)
      : events_(genesis.first_event), packets_(genesis.first_packet), time_(genesis.epoch_ms) {}

  void take(std::uint64_t index, const seal::Leaf& leaf, Findings& findings, Report& report);
  void end(Report& report);

 private:
  BlockOrder events_;
  BlockOrder packets_;
  RunOrder runs_;
  TimeOrder time_;
};

}  // namespace alibi::verify
