#pragma once
// Step 9: the files are those that were sealed. Gathers the blocks of a segment
// from the leaves, gives whole segments to the pool, and judges what came back
// once all leaves are known. Thread: one. Memory: the blocks of the open segments,
// some hundred bytes for every file.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "seal/leaf.hpp"
#include "verify/report.hpp"
#include "verify/segment_check.hpp"
#include "verify/trust.hpp"
#include "verify/work_pool.hpp"

namespace alibi::verify {

/// What a `segment` leaf says.
struct SegmentLeaf {
  std::uint64_t leaf = 0;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::uint64_t packed_bytes = 0;
  std::string packed_sha256;
  std::uint64_t encrypted_bytes = 0;
  std::string encrypted_sha256;  ///< empty: not encrypted
};

/// What is wrong with one file, by what its `segment` leaf says.
struct FormJudgement {
  std::optional<Failure> failure;
  std::optional<Gap> gap;
};
struct FormContext {
  const SegmentLeaf* leaf = nullptr;
  bool has_identity = false;
  bool is_to_go = false;  ///< a `retention` leaf covers it; its seed goes first
  bool is_growing = false;
};
[[nodiscard]] FormJudgement judge_form(const SegmentCheck& segment, const FormCheck& form,
                                       const FormContext& context);

/// What a `retention` leaf says.
struct Retention {
  seal::Stream stream = seal::Stream::Events;
  std::uint64_t leaf = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

class Content {
 public:
  Content(const Evidence& evidence, const Inputs& inputs, const Genesis& genesis, bool is_growing,
          Findings& findings, Report& report, WorkPool& pool, Progress& progress);

  void take(std::uint64_t index, const seal::Leaf& leaf);
  /// What the log says by now was deleted by rule.
  using AskAgain = std::function<Result<std::vector<Retention>>()>;
  /// After the last leaf. `ask_again` is called once at most, where a file is lacking
  /// and the log grows. Errors: Io, Denied, Unsupported of any file.
  Status end(const AskAgain& ask_again);
  [[nodiscard]] const std::vector<Retention>& retentions() const { return retentions_; }
  /// Bytes that no block covers, in a log that nobody writes: where.
  [[nodiscard]] const std::optional<Place>& tail() const { return tail_; }

 private:
  using Key = std::pair<seal::Stream, std::uint64_t>;
  void take_block(std::uint64_t index, const seal::BlockLeaf& block);
  void hand_over(SealedSegment segment, bool is_newest);
  void judge(const SegmentCheck& segment);
  void judge_live(const SegmentCheck& segment);
  void judge_absent(const SegmentCheck& segment);
  [[nodiscard]] bool is_to_go(const SegmentCheck& segment) const;
  Status explain_lacking(const AskAgain& ask_again);
  void judge_unknown(seal::Stream stream);
  [[nodiscard]] bool has_plain_form(seal::Stream stream, std::uint64_t number) const;
  void add_tail(Place place);

  const Evidence& evidence_;
  const Inputs& inputs_;
  std::string hideable_;
  std::uint64_t first_number_[2];
  bool is_growing_;
  Findings& findings_;
  Report& report_;
  WorkPool& pool_;
  Progress& progress_;

  SealedSegment open_[2];         ///< by stream; blocks empty: none yet
  std::uint64_t last_number_[2];  ///< last sealed record or packet
  std::map<Key, SegmentLeaf> segment_leaves_;
  std::vector<Retention> retentions_;
  std::optional<Place> tail_;

  std::mutex mutex_;  ///< of what the pool writes
  std::map<Key, SegmentCheck> checks_;
  Status worst_;
};

}  // namespace alibi::verify
