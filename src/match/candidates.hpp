#pragma once
// Which flows of the logs a flow of the capture could be, before time is asked.

#include <string>
#include <unordered_map>
#include <vector>

#include "match/host_flow.hpp"

namespace alibi::match {

class Candidates {
 public:
  explicit Candidates(const Facts& facts);

  using List = std::vector<std::size_t>;  ///< indices of Facts::flows

  /// The same addresses and ports.
  [[nodiscard]] List same_ends(const CaptureFlow& flow) const;
  /// The same other end, and the own address translated but not the port that
  /// tells the connection apart.
  [[nodiscard]] List kept_port(const CaptureFlow& flow) const;
  /// The same first sequence numbers, as far as both saw them.
  [[nodiscard]] List same_sequence(const CaptureFlow& flow) const;
  /// The same other end and a payload in common.
  [[nodiscard]] List same_payload(const CaptureFlow& flow) const;

 private:
  const Facts& facts_;
  std::unordered_map<std::string, List> by_ends_;
  std::unordered_map<std::string, List> by_remote_;
  std::unordered_map<std::uint32_t, List> by_sequence_;  ///< of the side that began
};

/// "tcp 10.0.0.1:5 10.0.0.2:80", the ends in one order.
[[nodiscard]] std::string name_of(std::string_view proto, const event::Endpoint& a,
                                  const event::Endpoint& b);

}  // namespace alibi::match
