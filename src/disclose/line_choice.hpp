#pragma once
// Which records are shown: decided from the lines that were sealed, never from an
// index. Keeps count of the processes asked for, so that a claim about one of them
// can be made only where nothing of it is missing. Thread: one.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "disclose/request.hpp"
#include "seal/item.hpp"
#include "seal/leaf.hpp"

namespace alibi::disclose {

/// `process_seq` 1 to `last` of a process are shown.
struct ProcessClaim {
  event::ProcessKey process;
  std::uint64_t last = 0;
  bool is_open = false;  ///< it lived on
};

class LineChoice {
 public:
  /// `request` must outlive the object. Errors: Corrupt when the header line has
  /// not the columns that are needed.
  static Result<LineChoice> from(const Request& request, const seal::Columns& columns);

  /// Whether the block can have a record that is wanted.
  [[nodiscard]] bool can_have(const seal::BlockLeaf& block) const;
  /// Whether it lies in the interval that will be claimed.
  [[nodiscard]] bool meets(const seal::BlockLeaf& block) const;
  /// Indices of the items that are wanted.
  [[nodiscard]] std::vector<std::uint64_t> take(const seal::BlockLeaf& block,
                                                std::string_view bytes);

  /// Records asked for by number that were not met.
  [[nodiscard]] std::vector<std::uint64_t> records_not_met() const;
  struct Claims {
    std::vector<ProcessClaim> made;
    std::vector<std::string> remarks;  ///< why none is made of a process
  };
  /// Errors: NotFound or Usage when a process was not met, or a pid or an identity
  /// stands for several.
  [[nodiscard]] Result<Claims> claims() const;

 private:
  struct Own {                            ///< records of one process, numbered by it
    std::map<std::uint64_t, bool> shown;  ///< by process_seq
    std::uint64_t said = 0;               ///< `records=` of the last one
    bool is_twice = false;
  };
  explicit LineChoice(const Request& request) : request_(&request) {}
  bool takes(std::string_view line);
  [[nodiscard]] bool is_in_time(std::string_view time) const;
  Own* own_of(std::string_view process);
  [[nodiscard]] Status check_names() const;

  const Request* request_;
  std::size_t columns_ = 0;
  std::size_t seq_ = 0, time_ = 0, kind_ = 0, process_ = 0, process_seq_ = 0, extra_ = 0;
  std::map<event::ProcessKey, Own> own_;
  std::set<std::uint64_t> met_;
};

}  // namespace alibi::disclose
