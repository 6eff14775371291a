#include "verify/findings.hpp"

namespace alibi::verify {

void Findings::add(Step step, Failure failure) {
  const std::lock_guard lock(mutex_);
  const auto [known, is_new] = lowest_.try_emplace(step, failure);
  if (is_new || !failure.place.leaf) return;
  const auto& leaf = known->second.place.leaf;
  if (!leaf || *failure.place.leaf < *leaf) known->second = std::move(failure);
}

bool Findings::failed_by(Step step) const {
  const std::lock_guard lock(mutex_);
  return !lowest_.empty() && lowest_.begin()->first <= step;
}

std::optional<Failure> Findings::first() const {
  const std::lock_guard lock(mutex_);
  if (lowest_.empty()) return std::nullopt;
  return lowest_.begin()->second;
}

}  // namespace alibi::verify
