#pragma once
// What the steps found. The lowest step decides, within it the lowest leaf, and
// a failure without a leaf comes after all with one: docs/seal-format.md section 9.
// Thread: any.

#include <map>
#include <mutex>
#include <optional>

#include "verify/verdict.hpp"

namespace alibi::verify {

enum class Step : std::uint8_t {
  Files = 1,
  Trust,
  Checkpoint,
  Leaves,
  Genesis,
  Epochs,
  Tree,
  Order,
  Content,
  ThirdParties,
  Rollback,
};

class Findings {
 public:
  void add(Step step, Failure failure);
  void add(Step step, Verdict verdict, Place place, std::string reason) {
    add(step, Failure{verdict, std::move(place), std::move(reason)});
  }
  /// Whether something failed at this step or before it.
  [[nodiscard]] bool failed_by(Step step) const;
  /// What decides.
  [[nodiscard]] std::optional<Failure> first() const;

 private:
  mutable std::mutex mutex_;
  std::map<Step, Failure> lowest_;
};

}  // namespace alibi::verify
